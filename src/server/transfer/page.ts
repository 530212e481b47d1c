import type { Engine } from '../../engine/engine.ts';
import { hotOnly } from '../../engine/foreign.ts';
import { quoteIdentifier } from '../../sql/identifier.ts';
import type { SqlValue } from '../../sql/literal.ts';
import type { Cell } from './cell.ts';
import type { TransferTable } from './schema.ts';

/** What one page holds at most: it is read in one synchronous turn, and all of it is in memory. */
const PAGE_ROWS = 400;
const PAGE_BYTES = 128_000;
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
  /** Texts that end where the limit goes; several where a table has more columns than a result may. */
  readonly parts: readonly string[];
  readonly keys: string;
}

/** @returns the statements for the first page, and those for the pages behind a key */
export function pagerOf(table: TransferTable): { first: Pager; next: Pager } {
  const names = table.columns.map(({ name }) => `${table.module ? 't.' : ''}${quoteIdentifier(name)}`);
  const values = table.rowid === undefined ? names : [table.module ? 't.rowid' : table.rowid, ...names];
  const order = table.key.join(',');
  const build = (where: string): Pager => {
    const tail = `FROM ${table.from}${where} ORDER BY ${order} LIMIT `;
    const sizes = sum(values.map((name) => `ifnull(octet_length(${name}),0)`));
    const parts = chunks(values, COLUMNS).map(
      (group) => `SELECT ${group.map(exact).join(',')},${classes(group)} ${tail}`,
    );
    return {
      // One row back: how many fit, at least one, and how many there are.
      sizes: `SELECT max(1,sum(t<=${PAGE_BYTES})),count(*) FROM (SELECT sum(s) OVER (ROWS UNBOUNDED PRECEDING) t FROM (SELECT ${sizes} s ${tail}${PAGE_ROWS + 1}))`,
      parts,
      keys: `SELECT ${table.key.map(exact).join(',')},${classes(table.key)} ${tail}1 OFFSET `,
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
  const all = (sql: string, values: SqlValue[]) => {
    const plan = engine.plan(sql);
    return engine.all(plan.foreign ? hotOnly(plan) : plan, values, 'number');
  };
  const [fit, there] = all(pager.sizes, bound)[0] as [number, number];
  const count = Math.min(fit ?? 0, there, PAGE_ROWS);
  if (count === 0) return { rows: [], last: undefined };
  // A text per number of rows would fill the cache of plans, so the limit is a value as well.
  const read = (sql: string, limit: number) => all(`${sql}?`, [...bound, limit]).map(cellsOf);
  const [rows, ...wider] = pager.parts.map((sql) => read(sql, count)) as [Cell[][], ...Cell[][][]];
  for (const more of wider) for (let i = 0; i < count; i++) rows[i]!.push(...more[i]!);
  return { rows, last: count === there ? undefined : read(pager.keys, count - 1)[0] };
}

/** The raw row itself, whose last value tells the classes of the others. */
function cellsOf(row: unknown[]): Cell[] {
  const kinds = row.pop() as string;
  for (let i = 0; i < row.length; i++) if (kinds[i] === 'i') row[i] = BigInt(row[i] as string);
  return row as Cell[];
}
