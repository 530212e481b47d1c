import type { Engine } from '../../engine/engine.ts';
import { DosqlError } from '../../errors/index.ts';
import { foldName } from '../../sql/identifier.ts';
import { parseExact } from '../../sql/json.ts';
import type { Affinity, Cell } from './cell.ts';
import { cellOfCsv, csvFields } from './csv.ts';
import { cellOfJson } from './ndjson.ts';
import { readSchema } from './schema.ts';

type Rows = Generator<[columns: string[], cells: Cell[]]>;

/** What makes rows of lines or records. @throws NO_SUCH_TABLE, NO_SUCH_COLUMN, INVALID_ARGUMENT */
export function rowReader(
  engine: Engine,
  table: string,
  format: string,
  header: string | null,
): (texts: readonly string[]) => Rows {
  const folded = foldName(table);
  const found = readSchema(engine, (name) => foldName(name) === folded).tables[0];
  if (!found) throw new DosqlError('NO_SUCH_TABLE', `no such table: ${table}`, { table });
  const affinities = new Map(found.columns.map(({ name, affinity }) => [foldName(name), affinity]));
  const affinityOf = (name: string): Affinity => {
    const affinity = affinities.get(foldName(name));
    if (affinity) return affinity;
    throw new DosqlError('NO_SUCH_COLUMN', `Table ${table} has no column ${name} that can be written.`, {
      table,
      columns: [name],
    });
  };
  return format === 'csv'
    ? (texts) => csvRows(texts, header ?? '', affinityOf)
    : (texts) => jsonRows(texts, affinityOf);
}

function* csvRows(texts: readonly string[], header: string, affinityOf: (name: string) => Affinity): Rows {
  const names = csvFields(trimmed(header.replace(/^\ufeff/, ''))).map(({ text }) => text);
  once(names);
  const affinities = names.map(affinityOf);
  for (const text of texts) {
    const record = trimmed(text);
    if (record === '' && names.length > 1) continue;
    const fields = csvFields(record);
    if (fields.length !== names.length)
      throw new DosqlError(
        'INVALID_ARGUMENT',
        `A record has ${fields.length} fields, its header ${names.length}.`,
      );
    yield [names, fields.map((field, i) => cellOfCsv(field, affinities[i]!))];
  }
}

function trimmed(record: string): string {
  return record.replace(/\r?\n$/, '');
}

function* jsonRows(texts: readonly string[], affinityOf: (name: string) => Affinity): Rows {
  for (const text of texts) {
    if (text.trim() === '') continue;
    let row: unknown;
    try {
      // Other tools write integers of 64 bits as they are.
      row = parseExact(text);
    } catch {
      // Its message would quote the row.
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row))
      throw new DosqlError('INVALID_ARGUMENT', 'Each line of NDJSON is an object of column and value.');
    const columns = Object.keys(row);
    if (columns.length === 0) throw new DosqlError('INVALID_ARGUMENT', 'A row has no columns.');
    once(columns);
    for (const name of columns) affinityOf(name);
    yield [columns, Object.values(row).map(cellOfJson)];
  }
}

/** SQLite would keep the first value and say nothing. @throws INVALID_ARGUMENT */
function once(columns: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of columns) {
    if (seen.has(foldName(name)))
      throw new DosqlError('INVALID_ARGUMENT', `Column ${name} has two values.`, { columns: [name] });
    seen.add(foldName(name));
  }
}
