import { DosqlError } from '../errors/index.ts';
import { splitStatements } from '../sql/split.ts';
import type { Engine } from './engine.ts';
import type { Plan } from './plan.ts';
import { decodeRows, type SqlValue } from './values.ts';

/**
 * How integers beyond ±(2^53-1) arrive: `throw` INTEGER_OUT_OF_RANGE (default), `bigint`, `string`, or `number`
 * (rounded, as the platform does). Smaller integers are always numbers.
 */
export type IntegerMode = 'throw' | 'bigint' | 'string' | 'number';

/** True for a number that may be a rounded 64-bit integer. */
export function isSuspect(value: unknown): value is number {
  return (
    typeof value === 'number' &&
    (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER) &&
    Number.isFinite(value)
  );
}

/** Its integers as decimal text and its reals as they are, else NULL. */
export function numberOf(column: string): string {
  return `CASE typeof(${column}) WHEN 'integer' THEN CAST(${column} AS TEXT) WHEN 'real' THEN ${column} END`;
}

/** Its value, but integers as text behind U+0001, as {@link decodeExact} reads them. */
function marked(column: string): string {
  return `CASE WHEN typeof(${column})='integer' OR typeof(${column})='text' AND unicode(${column})=1 THEN char(1)||${column} ELSE ${column} END`;
}

/** The statement alone: without the semicolons and comments around it, of which the last one may have no end. */
function bare(sql: string): string {
  const [{ start, end }] = splitStatements(sql) as [{ start: number; end: number }];
  return sql.slice(start, end);
}

/** The query for the exact values of `sql`'s rows, in the same order: each column as `form` makes it. */
export function exactQuery(sql: string, columns: number, form = marked): string {
  const names = Array.from({ length: columns }, (_, i) => `c${i}`);
  // Folded into the outer one, it may be planned anew, and its rows come in another order.
  return `WITH _dosql_exact(${names.join(',')}) AS MATERIALIZED (${bare(sql)}) SELECT ${names.map(form).join()} FROM _dosql_exact`;
}

/**
 * The decoded rows of a read; where one may be rounded, those of a second reading, which may come in another order: then
 * nothing of the first ones is right. The counts stay theirs. @throws INTEGER_OUT_OF_RANGE in mode `throw`
 */
export function exactRows(
  engine: Engine,
  sql: string,
  plan: Plan,
  values: readonly SqlValue[],
  rows: unknown[][],
  mode: IntegerMode,
): unknown[][] {
  if (mode === 'number' || !rows.some((row) => row.some(isSuspect))) return rows;
  const { names, counts } = engine;
  const exact = engine.exec(exactQuery(sql, names.length), plan, values);
  for (let r = 0; r < exact.length; r++) decodeExact(exact[r]!, r, names, mode, sql);
  engine.names = names;
  engine.counts = counts;
  return exact;
}

/** Decodes rows that cannot be read again. @throws INTEGER_OUT_OF_RANGE where one may be rounded */
export function assertExact(engine: Engine, { sql }: Plan, rows: unknown[][], mode: IntegerMode): void {
  if (decodeRows(rows) && mode !== 'number' && rows.some((row) => row.some(isSuspect)))
    throw unreadable(engine.names, sql);
}

/** Reads one row of {@link exactQuery}, number `index`, in place. @throws INTEGER_OUT_OF_RANGE in mode `throw` */
export function decodeExact(
  row: unknown[],
  index: number,
  names: readonly string[],
  mode: IntegerMode,
  sql: string,
): void {
  decodeRows([row]);
  for (let c = 0; c < row.length; c++) {
    const value = row[c];
    if (typeof value !== 'string' || value.charCodeAt(0) !== 1) continue;
    const text = value.slice(1);
    row[c] = text.charCodeAt(0) === 1 ? text : integer(text, index, names[c], mode, sql);
  }
}

/** The integer of these digits as `mode` wants it. */
function integer(
  digits: string,
  index: number,
  name: string | undefined,
  mode: IntegerMode,
  sql: string,
): number | bigint | string {
  if (Number.isSafeInteger(Number(digits))) return Number(digits);
  if (mode === 'throw') {
    throw new DosqlError(
      'INTEGER_OUT_OF_RANGE',
      `Column ${name} of row ${index + 1} is the integer ${digits}, which a JavaScript number cannot hold. ` +
        "Ask for { integers: 'bigint' } or 'string', or select CAST(… AS TEXT).",
      { statement: sql, columns: [String(name)] },
    );
  }
  return mode === 'bigint' ? BigInt(digits) : digits;
}

/** The statement with what these expressions exactly are appended to its RETURNING list. */
export function exactReturning(sql: string, expressions: readonly string[]): string {
  return `${bare(sql)},${expressions.map(numberOf).join()}`;
}

/**
 * Puts exact integers where the platform handed out rounded ones, in place.
 * @throws INTEGER_OUT_OF_RANGE in mode `throw`, and in any mode when an expression gave two values
 */
export function restoreIntegers(
  rows: unknown[][],
  exact: unknown[][],
  names: readonly string[],
  mode: IntegerMode,
  sql: string,
): void {
  rows.forEach((row, r) => {
    for (let c = 0; c < row.length; c++) {
      const value = row[c];
      if (!isSuspect(value)) continue;
      const known = exact[r]![c];
      if (known === undefined || known === null || Number(known) !== value) throw unreadable(names, sql);
      if (typeof known !== 'number') row[c] = integer(known as string, r, names[c], mode, sql);
    }
  });
}

/** @see restoreIntegers */
export function unreadable(names: readonly string[], sql: string): DosqlError {
  return new DosqlError(
    'INTEGER_OUT_OF_RANGE',
    'The result holds numbers beyond ±(2^53-1) and could not be read a second time to see whether they are exact. ' +
      "Select CAST(… AS TEXT), or ask for { integers: 'number' } to accept rounding.",
    { statement: sql, columns: names },
  );
}
