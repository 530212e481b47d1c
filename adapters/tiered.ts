import { getTableColumns, getTableName } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Duration } from '../src/engine/extension.ts';
import { DosqlError } from '../src/errors/index.ts';
import type { TierPolicy } from '../src/fsx/policy.ts';

export { tier } from './tier.ts';

/** Columns of a table that can say how old a row is: dates, integers and texts. */
export type AgeColumn<T extends SQLiteTable> = {
  [K in keyof T['_']['columns']]: T['_']['columns'][K] extends SQLiteColumn<infer C>
    ? C['data'] extends Date | number | string
      ? C['columnType'] extends 'SQLiteReal' | 'SQLiteNumeric' | 'SQLiteBoolean'
        ? never
        : T['_']['columns'][K]
      : never
    : never;
}[keyof T['_']['columns']];

export interface TieredTableOptions<T extends SQLiteTable>
  extends Pick<TierPolicy, 'unit' | 'segmentRows' | 'mixed' | 'verify'> {
  /** The column that says how old a row is. A `timestamp` knows its unit; other integers count milliseconds. */
  by: AgeColumn<T>;
  /** Rows stay in the object this long. */
  hot?: Duration;
  /** And up to this age a copy is kept in the warm store. */
  warm?: Duration;
}

/**
 * The tier policy of a Drizzle table, for `createTieredBackend({ tables: [tiered(events, { by: events.createdAt, hot: '24h' })] })`.
 * @throws INVALID_ARGUMENT for a column of another table
 */
export function tiered<T extends SQLiteTable>(
  table: T,
  { by, unit, ...rest }: TieredTableOptions<T>,
): TierPolicy {
  const column = by as SQLiteColumn;
  const name = getTableName(table);
  if (!column || !Object.values(getTableColumns(table)).includes(column as never))
    throw new DosqlError('INVALID_ARGUMENT', `tiered(${name}, { by }) needs a column of ${name}.`, {
      table: name,
    });
  const counts = unit ?? unitOf(column);
  return { table: name, by: column.name, ...rest, ...(counts && { unit: counts }) };
}

function unitOf(column: SQLiteColumn): TierPolicy['unit'] {
  if (column.columnType !== 'SQLiteTimestamp') return undefined;
  return (column as unknown as { mode: string }).mode === 'timestamp_ms' ? 'ms' : 's';
}
