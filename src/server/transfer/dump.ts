import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { foldName, quoteIdentifier } from '../../sql/identifier.ts';
import { type SqlValue, sqlLiteral } from '../../sql/literal.ts';
import { tokenize } from '../../sql/tokenizer.ts';
import type { Cell } from './cell.ts';
import { csvField } from './csv.ts';
import { InsertWriter } from './insert.ts';
import { jsonCell } from './ndjson.ts';
import { contentOf, type Schema, type TransferTable } from './schema.ts';

/** Rows of a table, page by page. */
export type ReadPages = (table: TransferTable) => AsyncIterable<readonly Cell[][]>;

/** The whole schema and its rows as SQL that every SQLite reads: triggers last, so that none of them fires. */
export async function* sqlDump(engine: Engine, schema: Schema, pages: ReadPages): AsyncGenerator<string> {
  yield '-- DoSQL dump, version 1\nPRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n';
  for (const table of schema.tables) {
    yield ended(table.sql);
    for (const text of settingsOf(engine, table)) yield text;
    if (table.columns.length === 0) continue;
    const names = table.columns.map(({ name }) => name);
    // An object that is opened with migrations has made its ledger before anything can be imported.
    const verb = foldName(table.name) === '__drizzle_migrations' ? 'INSERT OR REPLACE INTO' : undefined;
    const columns = table.rowid === undefined ? names : [table.rowid, ...names];
    const writer = new InsertWriter(table.name, columns, verb);
    for await (const rows of pages(table)) for (const text of writer.write(rows)) yield `${text};\n`;
  }
  for (const { sql } of schema.rest) yield ended(sql);
  for (const table of schema.tables) for (const text of endingOf(engine, table)) yield text;
  yield 'COMMIT;\n';
}

/** Without a comment at its end, which would take the semicolon with it or, never closed, the rest of the dump. */
function ended(sql: string): string {
  return `${sql.slice(0, tokenize(sql).at(-1))};\n`;
}

/** What was set on an FTS5 table is in no CREATE statement. */
function* settingsOf({ sql }: Engine, { name, module }: TransferTable): Generator<string> {
  if (module !== 'fts5') return;
  const quoted = quoteIdentifier(name);
  const settings = drain(sql.exec(`SELECT k,v FROM ${quoteIdentifier(`${name}_config`)} WHERE k<>'version'`));
  for (const [key, value] of settings as [string, string | number][]) {
    const literal = typeof value === 'number' ? `${value}` : sqlLiteral(value);
    yield `INSERT INTO ${quoted}(${quoted},rank) VALUES(${sqlLiteral(key)},${literal});\n`;
  }
}

/** What can only be said when the rows of every table are there, and the views, which an FTS5 table may index. */
function* endingOf({ sql }: Engine, table: TransferTable): Generator<string> {
  const quoted = quoteIdentifier(table.name);
  if (table.module === 'fts5' && contentOf(table.sql))
    yield `INSERT INTO ${quoted}(${quoted}) VALUES('rebuild');\n`;
  if (table.module !== undefined || !/\bautoincrement\b/i.test(table.sql)) return;
  const rows = drain(sql.exec('SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name=?', table.name));
  const name = sqlLiteral(table.name);
  for (const [seq] of rows as string[][])
    yield `DELETE FROM sqlite_sequence WHERE name=${name};\nINSERT INTO sqlite_sequence(name,seq) VALUES(${name},${sqlLiteral(BigInt(seq!) as SqlValue)});\n`;
}

/** One JSON object per row. */
export async function* ndjsonRows(
  { columns }: TransferTable,
  pages: AsyncIterable<readonly Cell[][]>,
): AsyncGenerator<string> {
  const keys = columns.map(({ name }) => `${JSON.stringify(name)}:`);
  const line = (row: readonly Cell[]) =>
    `{${row.map((cell, i) => keys[i] + JSON.stringify(jsonCell(cell, columns[i]!.affinity))).join(',')}}\n`;
  for await (const rows of pages) yield rows.map(line).join('');
}

/** A record of names, then one per row. */
export async function* csvRecords(
  { columns }: TransferTable,
  pages: AsyncIterable<readonly Cell[][]>,
): AsyncGenerator<string> {
  yield `${columns.map(({ name }) => csvField(name)).join(',')}\r\n`;
  for await (const rows of pages) yield rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}
