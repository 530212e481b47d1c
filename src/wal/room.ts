import type { Engine } from '../engine/engine.ts';
import type { IntegerMode } from '../engine/integers.ts';
import type { SqlValue } from '../engine/values.ts';

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
  const first: unknown[][] = [];
  const rows = engine.all(engine.plan(sql), values, mode, (cursor) => {
    // To the end, whatever they weigh: an open cursor would lock the table against DDL.
    for (const row of cursor.raw() as Iterable<unknown[]>) {
      room.bytes += sizeOf(row);
      if (room.bytes <= room.most) first.push(row);
    }
    return room.bytes <= room.most ? first : [];
  });
  return room.bytes <= room.most ? rows : first;
}

function sizeOf(row: readonly unknown[]): number {
  let size = 0;
  for (const value of row)
    size += typeof value === 'string' ? value.length : value instanceof ArrayBuffer ? value.byteLength : 8;
  return size;
}
