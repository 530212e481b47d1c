import type { Engine } from '../../engine/engine.ts';
import { quoteIdentifier } from '../../sql/identifier.ts';
import type { SqlValue } from '../../sql/literal.ts';
import type { Cell } from './cell.ts';
import type { TransferTable } from './schema.ts';

/** What one page holds at most: it is read in one synchronous turn, and all of it is in memory. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 256_000;
/** workerd: 100 columns in a result, 32 arguments of a function. */
const COLUMNS = 80;
const ARGUMENTS = 30;

/** Rows in key order; with a `rowid` of its own, that is the first cell. */
export interface Page {
  readonly rows: readonly Cell[][];
  /** The key of the last row; undefined when there is none behind it. */
  readonly last: readonly Cell[] | undefined;
}

/** The statements that read pages of one table. */
export interface Pager {
  readonly sizes: string;
  readonly parts: readonly { readonly sql: string; readonly count: number }[];
  readonly keys: string;
  readonly keyCount: number;
}

/** @returns the statements for the first page, and those for the pages behind a key */
export function pagerOf(table: TransferTable): { first: Pager; next: Pager } {
  const names = table.columns.map(({ name }) => `${table.module ? 't.' : ''}${quoteIdentifier(name)}`);
  const values = table.rowid === undefined ? names : [table.module ? 't.rowid' : table.rowid, ...names];
  const order = table.key.join(',');
  const build = (where: string): Pager => {
    const tail = `FROM ${table.from}${where} ORDER BY ${order} LIMIT `;
    const sizes = sum(values.map((name) => `ifnull(octet_length(${name}),0)`));
    const parts = chunks(values, COLUMNS).map((group) => ({
      sql: `SELECT ${classes(group)},${group.map(exact).join(',')} ${tail}`,
      count: group.length,
    }));
    return {
      sizes: `SELECT ${sizes} ${tail}${PAGE_ROWS + 1}`,
      parts,
      keys: `SELECT ${classes(table.key)},${table.key.map(exact).join(',')} ${tail}1 OFFSET `,
      keyCount: table.key.length,
    };
  };
  const marks = table.key.map(() => '?').join(',');
  return { first: build(''), next: build(` WHERE (${order})>(${marks})`) };
}

/** Integers as text: the platform would round them. */
function exact(name: string): string {
  return `CASE typeof(${name}) WHEN 'integer' THEN CAST(${name} AS TEXT) ELSE ${name} END`;
}

/** One letter per value for its class, which a JavaScript number does not tell. */
function classes(names: readonly string[]): string {
  const letters = names.map((name) => `substr(typeof(${name}),1,1)`);
  return `concat(${chunks(letters, ARGUMENTS)
    .map((group) => `concat(${group.join(',')})`)
    .join(',')})`;
}

/** workerd: expressions nest 100 deep at most, and each plus is a level. */
function sum(terms: readonly string[]): string {
  return chunks(terms, ARGUMENTS)
    .map((group) => `(${group.join('+')})`)
    .join('+');
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const found: T[][] = [];
  for (let i = 0; i < items.length; i += size) found.push(items.slice(i, i + size));
  return found;
}

/** Reads the page behind `after`; to be called when the connection is free, with no await until it returns. */
export function readPage(
  engine: Engine,
  { first, next }: ReturnType<typeof pagerOf>,
  after: readonly Cell[] | undefined,
): Page {
  const pager = after ? next : first;
  const bound = (after ?? []) as SqlValue[];
  const read = (sql: string) => engine.all(engine.plan(sql), bound, 'number');
  const sizes = read(pager.sizes);
  let count = 0;
  for (let bytes = 0; count < Math.min(sizes.length, PAGE_ROWS); count++) {
    bytes += sizes[count]![0] as number;
    if (count > 0 && bytes > PAGE_BYTES) break;
  }
  const rows: Cell[][] = Array.from({ length: count }, () => []);
  if (count === 0) return { rows, last: undefined };
  // A text per number of rows would fill the cache of plans, which holds a limit as a value as well.
  for (const { sql } of pager.parts) {
    const found = engine.all(engine.plan(`${sql}?`), [...bound, count], 'number');
    for (let i = 0; i < count; i++) append(rows[i]!, found[i]!);
  }
  if (count === sizes.length) return { rows, last: undefined };
  const last: Cell[] = [];
  append(last, engine.all(engine.plan(`${pager.keys}?`), [...bound, count - 1], 'number')[0]!);
  return { rows, last };
}

/** Adds the values of a raw row, whose first one tells the classes of the others. */
function append(cells: Cell[], row: readonly unknown[]): void {
  const kinds = row[0] as string;
  for (let i = 1; i < row.length; i++)
    cells.push(kinds[i - 1] === 'i' ? BigInt(row[i] as string) : (row[i] as Cell));
}
