import { Column, noopDecoder } from 'drizzle-orm';
import {
  SQLiteBlobBuffer,
  SQLiteBoolean,
  SQLiteCustomColumn,
  SQLiteNumeric,
  SQLiteTextJson,
  SQLiteTimestamp,
} from 'drizzle-orm/sqlite-core';
import type { IntegerMode } from '../src/engine/integers.ts';
import { DosqlError } from '../src/errors/index.ts';
import { parseExact } from '../src/sql/json.ts';
import type { Decodes } from './mapper.ts';

type Rows = unknown[][];

/** Decodes one column of all rows in place: a loop per column is faster than a call per value. */
export interface ColumnDecoder {
  (rows: Rows, column: number, mode: IntegerMode, exact: boolean): void;
  /** Takes integers beyond ±(2^53-1) as bigint. */
  exact?: boolean;
}

const json: ColumnDecoder = (rows, c) => {
  for (const row of rows) if (row[c] !== null) row[c] = JSON.parse(row[c] as string);
};
const boolean: ColumnDecoder = (rows, c) => {
  for (const row of rows) if (row[c] !== null) row[c] = row[c] === 1 || Number(row[c]) === 1;
};
const seconds: ColumnDecoder = (rows, c) => {
  for (const row of rows) if (row[c] !== null) row[c] = new Date(Number(row[c]) * 1000);
};
const milliseconds: ColumnDecoder = (rows, c) => {
  for (const row of rows) {
    const value = row[c];
    // Text may be a date as it is.
    if (value !== null) row[c] = new Date(typeof value === 'bigint' ? Number(value) : (value as number));
  }
};
const numeric: ColumnDecoder = (rows, c) => {
  for (const row of rows) if (row[c] !== null) row[c] = String(row[c]);
};
numeric.exact = true;

/** A decoder for one column, or undefined where the value is as it comes. */
export function decoderOf(source: Decodes): ColumnDecoder | undefined {
  if (source === noopDecoder) return undefined;
  // An aliased column is a proxy: what decodes it is found once, here, not on every value.
  switch (source.mapFromDriverValue) {
    case Column.prototype.mapFromDriverValue:
      return undefined;
    case SQLiteTextJson.prototype.mapFromDriverValue:
      return json;
    case SQLiteBoolean.prototype.mapFromDriverValue:
      return boolean;
    case SQLiteTimestamp.prototype.mapFromDriverValue:
      return (source as unknown as { mode: string }).mode === 'timestamp' ? seconds : milliseconds;
    case SQLiteNumeric.prototype.mapFromDriverValue:
      return numeric;
    case SQLiteBlobBuffer.prototype.mapFromDriverValue:
      return each(source, bufferOf);
    case SQLiteCustomColumn.prototype.mapFromDriverValue:
      if (typeof (source as unknown as { mapFrom: unknown }).mapFrom !== 'function') return undefined;
  }
  const decoder = each(source);
  if ((source as { columnType?: string }).columnType === 'SQLiteNumericBigInt') decoder.exact = true;
  return decoder;
}

function each(source: Decodes, special?: (value: unknown) => unknown): ColumnDecoder {
  return (rows, c) => {
    for (const row of rows) {
      const value = row[c];
      if (value !== null) row[c] = special?.(value) ?? source.mapFromDriverValue(value);
    }
  };
}

/** A BLOB as Buffer on the same bytes, or as it is in a Worker without `nodejs_compat`. */
function bufferOf(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return undefined;
  const { Buffer } = globalThis as {
    Buffer?: { from(b: ArrayBufferLike, at: number, length: number): Uint8Array };
  };
  return Buffer ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

/** In a result that is read with bigints, gives a column without use for them what the integer mode says. */
export function settle(rows: Rows, c: number, mode: IntegerMode): void {
  if (mode === 'bigint') return;
  for (const row of rows) {
    const value = row[c];
    if (typeof value !== 'bigint') continue;
    if (mode === 'throw') {
      throw new DosqlError(
        'INTEGER_OUT_OF_RANGE',
        `The result holds the integer ${value}, which a JavaScript number cannot hold. Open the database with ` +
          "{ integers: 'bigint' } or 'string', or declare the column numeric({ mode: 'bigint' }).",
      );
    }
    row[c] = mode === 'string' ? String(value) : Number(value);
  }
}

/** Rows of a relation arrive as JSON text of arrays; relations inside it as arrays. */
export function relationDecoder(
  map: (rows: Rows, mode: IntegerMode, exact: boolean) => unknown[],
  one: boolean,
): ColumnDecoder {
  return (rows, c, mode, outer) => {
    for (const row of rows) {
      let value = row[c];
      let exact = outer;
      if (typeof value === 'string') {
        const text = value;
        value = JSON.parse(text);
        // JSON.parse rounds integers; the text still has them.
        exact = mode !== 'number' && someRounded(value as unknown[]);
        if (exact) value = parseExact(text, BigInt);
      }
      if (!one) row[c] = map(value as Rows, mode, exact);
      else row[c] = value && map([value as unknown[]], mode, exact)[0];
    }
  };
}

function isRounded(value: number): boolean {
  return value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER;
}

function someRounded(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (
      typeof value === 'number'
        ? isRounded(value)
        : typeof value === 'object' && value !== null && someRounded(value as unknown[])
    ) {
      return true;
    }
  }
  return false;
}
