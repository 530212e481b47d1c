import type { IntegerMode } from '../engine/integers.ts';
import type { Row } from '../engine/values.ts';

/** How rows are read that have to be told apart: two keys beyond ±(2^53-1) may be one rounded number. */
export function exactMode(integers: IntegerMode): IntegerMode {
  return integers === 'throw' ? integers : 'bigint';
}

/** An exact row as the caller wants it; changed in place. */
export function inMode(row: Row, integers: IntegerMode): Row {
  if (integers !== 'number' && integers !== 'string') return row;
  for (const name in row) {
    const value = row[name];
    if (typeof value === 'bigint') row[name] = integers === 'number' ? Number(value) : `${value}`;
  }
  return row;
}
