import { expect } from 'vitest';
import type { CdcEvent } from '../../../src/cdc/index.ts';

const valueText = (value: unknown) =>
  value instanceof Uint8Array
    ? `blob ${[...value]}`
    : typeof value === 'bigint'
      ? `${value}`
      : JSON.stringify(value);
export const rowText = (row: object) =>
  Object.entries(row)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join();

/** Rows by key, as a receiver keeps them. */
export type Replica = Map<string, Map<string, string>>;

/** What a receiver goes by; a table whose key may be NULL goes by whole rows. */
const keyOf = (table: string, row: object, event: object, n = 0) => {
  if (table === 'loose') return rowText(event);
  const by: Record<string, string[]> = {
    items: ['id'],
    pairs: ['a', 'b'],
    links: ['id'],
    nodes: ['id'],
    strict: ['id'],
  };
  const key = by[table]
    ?.map((name) => valueText((row as Record<string, unknown>)[name]))
    .join()
    .toLowerCase();
  return key ?? `${rowText(row)} ${n}`;
};

export function put(rows: Map<string, string>, table: string, row: object, event: object): boolean {
  let n = 0;
  if (table === 'tags') while (rows.has(keyOf(table, row, event, n))) n++;
  const key = keyOf(table, row, event, n);
  const free = !rows.has(key);
  rows.set(key, rowText(row));
  return free;
}

function remove(rows: Map<string, string>, table: string, row: object, event: object): boolean {
  let n = 0;
  if (table === 'tags') while (rows.has(keyOf(table, row, event, n + 1))) n++;
  const key = keyOf(table, row, event, n);
  return rows.get(key) === rowText(row) && rows.delete(key);
}

export function apply(
  replica: Replica,
  { table, key, before, after, op, lsn }: CdcEvent,
  label: string,
): void {
  if (op === 'message' || op === 'schema') return;
  const rows = replica.get(table)!;
  if (before)
    expect(remove(rows, table, before, key), `${label}: the row before LSN ${lsn} of ${table}`).toBe(true);
  if (after)
    expect(put(rows, table, after, key), `${label}: the key after LSN ${lsn} of ${table} is free`).toBe(true);
}
