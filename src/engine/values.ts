import { DosqlError } from '../errors/index.ts';
import type { SqlValue } from '../sql/literal.ts';
import type { Statement } from '../sql/types.ts';

export type { SqlValue };

/** What may be given for a parameter: boolean is bound as 0/1, Date as ISO-8601 text, bigint exactly up to int64. */
export type SqlValueInput = string | number | bigint | boolean | null | Date | Uint8Array | ArrayBuffer;

/** Values for `?` and `?N` by position, or for `:name`, `@name`, `$name` by name (with or without the prefix). */
export type Params = readonly SqlValueInput[] | Readonly<Record<string, SqlValueInput>>;

/** A value as it comes back: BLOB is a Uint8Array; bigint or string only where the integer mode says so. */
export type Value = null | number | string | bigint | Uint8Array;

/** A row by column name. */
export type Row = Record<string, Value>;

const INT64_MAX = 9223372036854775807n;
const NO_VALUES: SqlValue[] = [];

/** One value as the runtime binds it. `where` (index from 1, or name) goes into the error. @throws INVALID_PARAMETER */
export function encodeValue(value: unknown, where: number | string): SqlValue {
  switch (typeof value) {
    case 'string':
      // A lone surrogate would be stored as three replacement characters.
      if (value.isWellFormed()) return value;
      throw invalid(
        where,
        'a string with a lone surrogate, which SQLite cannot store; use value.toWellFormed()',
      );
    case 'number':
      // NaN would be stored as NULL.
      if (!Number.isNaN(value)) return value;
      throw invalid(where, 'NaN, which SQLite would store as NULL; bind null if you mean it');
    case 'boolean':
      return value ? 1 : 0;
    case 'bigint':
      if (value <= INT64_MAX && value >= -INT64_MAX - 1n) return value;
      throw invalid(where, `${value}, beyond a 64-bit integer; bind it as a string`);
    case 'object':
      if (value === null || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value;
      if (value instanceof Date) {
        if (Number.isFinite(value.getTime())) return value.toISOString();
        throw invalid(where, 'an invalid Date');
      }
      throw invalid(where, `${Array.isArray(value) ? 'an array' : 'an object'}; bind JSON.stringify(value)`);
    default:
      throw invalid(
        where,
        value === undefined ? 'undefined; bind null if you mean NULL' : `a ${typeof value}`,
      );
  }
}

function invalid(where: number | string, what: string): DosqlError {
  return new DosqlError('INVALID_PARAMETER', `Parameter ${where} is ${what}.`);
}

/** All values of a statement in binding order. @throws INVALID_PARAMETER, PARAMETER_COUNT */
export function encodeParams(statement: Statement, params: Params | undefined): SqlValue[] {
  if (params === undefined) return NO_VALUES;
  if (Array.isArray(params)) {
    const values: SqlValue[] = new Array(params.length);
    for (let i = 0; i < params.length; i++) values[i] = encodeValue(params[i], i + 1);
    return values;
  }
  if (typeof params !== 'object' || params === null) {
    throw new DosqlError('INVALID_PARAMETER', 'Parameters are given as an array or as an object by name.');
  }
  return encodeNamed(statement, params as Record<string, unknown>);
}

function encodeNamed(statement: Statement, params: Record<string, unknown>): SqlValue[] {
  const values: SqlValue[] = new Array(statement.parameterCount).fill(null);
  const filled = new Set<number>();
  const used = new Set<string>();
  for (const { name, index } of statement.parameters) {
    if (filled.has(index)) continue;
    const key = name === undefined ? undefined : Object.hasOwn(params, name) ? name : name.slice(1);
    if (key === undefined || !Object.hasOwn(params, key)) {
      throw new DosqlError('PARAMETER_COUNT', `No value for parameter ${name ?? index}.`, {
        statement: statement.sql,
      });
    }
    values[index - 1] = encodeValue(params[key], name as string);
    filled.add(index);
    used.add(key);
  }
  const extra = Object.keys(params).find((key) => !used.has(key));
  if (extra !== undefined) {
    throw new DosqlError('PARAMETER_COUNT', `The statement has no parameter named ${extra}.`, {
      statement: statement.sql,
    });
  }
  return values;
}

/**
 * The same statement with its bigint values bound exactly. The runtime binds no BigInt and every number as REAL, so
 * an integer travels as decimal text and is cast back; the unary plus removes the affinity that CAST would add.
 */
export function integerVariant(
  statement: Statement,
  values: readonly SqlValue[],
): { sql: string; values: SqlValue[] } {
  let sql = '';
  let from = 0;
  for (const { start, end, index } of statement.parameters) {
    if (typeof values[index - 1] !== 'bigint') continue;
    sql += `${statement.sql.slice(from, start)}(+CAST(${statement.sql.slice(start, end)} AS INTEGER))`;
    from = end;
  }
  return {
    sql: sql + statement.sql.slice(from),
    values: values.map((value) => (typeof value === 'bigint' ? value.toString() : value)),
  };
}

/**
 * Makes BLOBs of raw rows Uint8Arrays, in place. True when a number is beyond ±(2^53-1): it may be a rounded integer.
 */
export function decodeRows(rows: unknown[][]): boolean {
  let suspect = false;
  for (let r = 0; r < rows.length; r++) {
    const row = rows[r] as unknown[];
    for (let c = 0; c < row.length; c++) {
      const value = row[c];
      if (typeof value === 'number') {
        if (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER) suspect = true;
      } else if (typeof value === 'object' && value !== null) row[c] = new Uint8Array(value as ArrayBuffer);
    }
  }
  return suspect;
}
