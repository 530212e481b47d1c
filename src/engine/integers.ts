import { DosqlError } from '../errors/index.ts';

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

/** For each column or expression its integers as decimal text and its reals as they are, else NULL. */
function exactColumns(names: readonly string[]): string {
  return names
    .map((n) => `CASE typeof(${n}) WHEN 'integer' THEN CAST(${n} AS TEXT) WHEN 'real' THEN ${n} END`)
    .join(',');
}

/** The statement without the semicolon at its end, closed by a line break that ends a trailing comment. */
function open(sql: string): string {
  return `${sql.replace(/;[\s;]*$/, '')}\n`;
}

/** The query whose rows, in the same order, say what each number of `sql`'s rows exactly is. */
export function exactQuery(sql: string, columns: number): string {
  const names = Array.from({ length: columns }, (_, i) => `c${i}`);
  // Folded into the outer one, it may be planned anew, and its rows come in another order.
  return `WITH _dosql_exact(${names.join(',')}) AS MATERIALIZED (${open(sql)}) SELECT ${exactColumns(names)} FROM _dosql_exact`;
}

/** The statement with what these expressions exactly are appended to its RETURNING list. */
export function exactReturning(sql: string, expressions: readonly string[]): string {
  return `${open(sql)},${exactColumns(expressions)}`;
}

/**
 * Puts exact integers where the platform handed out rounded ones, in place.
 * @throws INTEGER_OUT_OF_RANGE in mode `throw`, and in any mode when the second reading does not match the first
 */
export function restoreIntegers(
  rows: unknown[][],
  exact: unknown[][],
  names: readonly string[],
  mode: IntegerMode,
  sql: string,
): void {
  if (rows.length !== exact.length) throw unreadable(names, sql);
  for (let r = 0; r < rows.length; r++)
    restoreRow(rows[r] as unknown[], exact[r] as unknown[], r, names, mode, sql);
}

/** {@link restoreIntegers} for the row at `index`. */
export function restoreRow(
  row: unknown[],
  exact: unknown[],
  index: number,
  names: readonly string[],
  mode: IntegerMode,
  sql: string,
): void {
  for (let c = 0; c < row.length; c++) {
    const value = row[c];
    if (!isSuspect(value)) continue;
    const known = exact[c];
    if (known === undefined || known === null || Number(known) !== value) throw unreadable(names, sql);
    if (typeof known === 'number') continue;
    if (mode === 'throw') {
      throw new DosqlError(
        'INTEGER_OUT_OF_RANGE',
        `Column ${names[c]} of row ${index + 1} is the integer ${known}, which a JavaScript number cannot hold. ` +
          "Ask for { integers: 'bigint' } or 'string', or select CAST(… AS TEXT).",
        { statement: sql, columns: [String(names[c])] },
      );
    }
    row[c] = mode === 'bigint' ? BigInt(known as string) : known;
  }
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
