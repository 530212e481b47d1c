import type { Engine } from '../engine/engine.ts';
import type { IntegerMode } from '../engine/integers.ts';
import { statementError } from '../engine/statement-error.ts';
import { decodeRows, integerVariant, type SqlValue } from '../engine/values.ts';

/** What the rows of a read may weigh together, and what they do. */
export interface Room {
  bytes: number;
  readonly most: number;
}

/** All rows of a query; when they are more than there is room for, the first ones as they came, of which nothing is to be used. */
export function readRows(
  engine: Engine,
  sql: string,
  values: readonly SqlValue[],
  mode: IntegerMode,
  room: Room,
): unknown[][] {
  const plan = engine.plan(sql);
  if (!plan.plain) return engine.all(plan, values, mode);
  const rows: unknown[][] = [];
  try {
    const exact = values.some((value) => typeof value === 'bigint');
    const bound = exact ? integerVariant(plan.statement, values) : { sql, values };
    const cursor = engine.sql.exec(bound.sql, ...bound.values);
    // To the end, whatever they weigh: an open cursor would lock the table against DDL.
    for (const row of cursor.raw() as Iterable<unknown[]>) {
      room.bytes += sizeOf(row);
      if (room.bytes <= room.most) rows.push(row);
    }
    engine.names = cursor.columnNames;
    engine.counts = cursor;
  } catch (error) {
    throw statementError(error, plan, values);
  }
  if (room.bytes <= room.most && decodeRows(rows) && mode !== 'number')
    engine.restore(sql, plan, values, rows, mode);
  return rows;
}

function sizeOf(row: readonly unknown[]): number {
  let size = 0;
  for (const value of row)
    size += typeof value === 'string' ? value.length : value instanceof ArrayBuffer ? value.byteLength : 8;
  return size;
}
