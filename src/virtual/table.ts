import { DosqlError } from '../errors/index.ts';
import type { Cell, RelationColumn, RelationProvider, Scan, ScanReport } from '../relation/provider.ts';
import { affinityOf, coerce } from './coerce.ts';
import type { ExternalFile } from './file.ts';
import type { ColumnType, ReadOptions } from './options.ts';
import { mayHold, partitionsOf } from './partitions.ts';
import type { Reader } from './reader.ts';

/** Files that are opened before their rows are asked for. */
const AHEAD = 3;

/** A column of the relation. */
interface Column extends RelationColumn {
  /** What the user declared. */
  readonly type?: ColumnType | undefined;
  /** Not in the files, but in their names. */
  readonly of?: 'path' | 'filename';
}

/** The files of one source as one relation, for one statement. */
export class FilesTable implements RelationProvider {
  #columns: Promise<readonly Column[]> | undefined;
  readonly #readers = new Map<ExternalFile, Promise<Reader>>();
  readonly #partitions: ReadonlyMap<ExternalFile, ReadonlyMap<string, string | null>>;

  constructor(
    readonly label: string,
    readonly files: readonly ExternalFile[],
    readonly options: ReadOptions,
    readonly open: (file: ExternalFile) => Promise<Reader>,
  ) {
    const found = new Map(files.map((file) => [file, partitionsOf(file.path)]));
    const [first] = found.values();
    const same = [...found.values()].every(
      (keys) => keys.size === first?.size && [...keys.keys()].every((key) => first.has(key)),
    );
    this.#partitions = (options.hive_partitioning ?? same) ? found : new Map();
  }

  columns(): Promise<readonly Column[]> {
    this.#columns ??= this.#find();
    return this.#columns;
  }

  async *scan(scan: Scan): AsyncGenerator<readonly (readonly Cell[])[]> {
    const columns = await this.columns();
    const files = this.files.filter((file) => this.#survives(file, columns, scan));
    // SQLite would drop these rows, too, but only when they have been text and back.
    const kept = scan.predicates.flatMap((one) => {
      const c = scan.columns.indexOf(one.column);
      return c < 0 ? [] : [[c, one] as const];
    });
    let left = scan.limit ?? Number.POSITIVE_INFINITY;
    for (const [i, file] of files.entries()) {
      if (left <= 0) return;
      for (const next of files.slice(i, i + AHEAD)) this.#reader(next).catch(() => {});
      const reader = await this.#reader(file);
      const plan = this.#planFor(file, reader, columns, scan, left);
      if (plan) {
        for await (const rows of reader.scan(plan.scan, () => {})) {
          left -= rows.length;
          const made = plan.identity ? rows : rows.map((row) => plan.makers.map((make) => make(row)));
          yield kept.length ? made.filter((row) => kept.every(([c, one]) => mayHold(row[c]!, one))) : made;
        }
      }
      // The first is kept with the columns that it gave; of the others one at a time is enough.
      if (file !== this.files[0]) this.#readers.delete(file);
    }
  }

  async inspect(scan: Scan): Promise<ScanReport> {
    const columns = await this.columns();
    const report = { filesRead: 0, filesSkipped: 0, rowGroupsRead: 0, rowGroupsSkipped: 0, bytesRead: 0 };
    await Promise.all(
      this.files.map(async (file) => {
        const reader = this.#survives(file, columns, scan) ? await this.#reader(file) : undefined;
        const plan = reader && this.#planFor(file, reader, columns, scan, scan.limit);
        if (!plan) {
          report.filesSkipped++;
          return;
        }
        const one = await reader!.inspect(plan.scan);
        report.rowGroupsRead += one.rowGroupsRead;
        report.rowGroupsSkipped += one.rowGroupsSkipped;
        report.bytesRead += one.bytesRead;
        if (one.rowGroupsSkipped && !one.rowGroupsRead) report.filesSkipped++;
        else report.filesRead++;
      }),
    );
    return { relation: this.label, ...report };
  }

  #reader(file: ExternalFile): Promise<Reader> {
    let reader = this.#readers.get(file);
    if (!reader) {
      reader = this.open(file);
      this.#readers.set(file, reader);
    }
    return reader;
  }

  async #find(): Promise<readonly Column[]> {
    const { columns: declared, union_by_name, filename } = this.options;
    const found = new Map<string, Column>();
    const add = (column: Column) => {
      const key = column.name.toLowerCase();
      const known = found.get(key);
      if (!known) found.set(key, column);
      else if (known.affinity !== column.affinity) found.set(key, { ...known, affinity: '' });
    };
    if (declared) {
      for (const [name, type] of Object.entries(declared)) add({ name, type, affinity: affinityOf(type) });
    } else {
      let sparse: boolean | undefined;
      if (union_by_name) for (const file of this.files) this.#reader(file).catch(() => {});
      for (const file of this.files) {
        const reader = await this.#reader(file);
        sparse ??= reader.sparse;
        for (const { name, affinity } of reader.columns) add({ name, affinity });
        // An empty file says nothing.
        if (!union_by_name && found.size) break;
      }
      // As DuckDB calls what has no names; a relation cannot be without columns.
      if (!found.size) add({ name: sparse ? 'json' : 'column0', affinity: '' });
    }
    // What the path says goes before what the files say under the same name.
    for (const name of this.#keys()) {
      const values = [...this.#partitions.values()].map((keys) => keys.get(name) ?? null);
      const integers = values.every((value) => value === null || /^-?(?:0|[1-9]\d{0,14})$/.test(value));
      const type = found.get(name.toLowerCase())?.type ?? (integers ? 'INTEGER' : 'TEXT');
      found.set(name.toLowerCase(), { name, affinity: affinityOf(type), type, of: 'path' });
    }
    if (filename) found.set('filename', { name: 'filename', affinity: 'TEXT', of: 'filename' });
    return [...found.values()];
  }

  #keys(): Set<string> {
    return new Set([...this.#partitions.values()].flatMap((keys) => [...keys.keys()]));
  }

  /** The value of a column that all rows of the file share. */
  #constant(file: ExternalFile, { name, of, type }: Column): Cell | undefined {
    if (of === 'filename') return file.name;
    if (of === 'path') return coerce(this.#partitions.get(file)?.get(name) ?? null, type!);
    return undefined;
  }

  /** False when the name of a file tells that none of its rows is needed. */
  #survives(file: ExternalFile, columns: readonly Column[], { predicates }: Scan): boolean {
    return predicates.every((predicate) => {
      const value = this.#constant(file, columns[predicate.column]!);
      return value === undefined || mayHold(value, predicate);
    });
  }

  /** What to read of one file, and how its rows become rows of the relation; undefined when none can be needed. */
  #planFor(
    file: ExternalFile,
    reader: Reader,
    columns: readonly Column[],
    { columns: wanted, predicates }: Scan,
    limit: number | undefined,
  ) {
    const positions = new Map(reader.columns.map(({ name }, i) => [name.toLowerCase(), i]));
    const positionOf = (column: Column) => (column.of ? undefined : positions.get(column.name.toLowerCase()));
    const asked: number[] = [];
    let identity = true;
    const makers = wanted.map((c): ((row: readonly Cell[]) => Cell) => {
      const column = columns[c]!;
      const position = positionOf(column);
      if (position === undefined) {
        identity = false;
        if (!column.of && !reader.sparse && reader.columns.length) this.#mayLack(file, column);
        const constant = this.#constant(file, column) ?? null;
        return () => constant;
      }
      const at = asked.push(position) - 1;
      const { type } = column;
      if (!type) return (row) => row[at]!;
      identity = false;
      return (row) => coerce(row[at]!, type);
    });
    const pushed: Scan['predicates'][number][] = [];
    for (const predicate of predicates) {
      const column = columns[predicate.column]!;
      if (column.of) continue;
      const position = positionOf(column);
      // All of its rows have NULL there, which meets no predicate.
      if (position === undefined) return undefined;
      if (!column.type || column.affinity === reader.columns[position]!.affinity)
        pushed.push({ ...predicate, column: position });
    }
    const scan: Scan = {
      columns: asked,
      predicates: pushed,
      ...(limit !== undefined && Number.isFinite(limit) && { limit }),
    };
    return { scan, makers, identity };
  }

  /** @throws NO_SUCH_COLUMN when a file must have a column that it has not */
  #mayLack(file: ExternalFile, { name }: Column): void {
    if (this.options.union_by_name) return;
    throw new DosqlError(
      'NO_SUCH_COLUMN',
      `${file.name} has no column ${name}, which ${this.options.columns ? 'is declared' : `${this.files[0]!.name} has`}: union_by_name = true gives NULL.`,
      { columns: [name] },
    );
  }
}
