import type { IntegerMode } from '../engine/integers.ts';
import { rowFactory } from '../engine/rows.ts';
import type { Row } from '../engine/values.ts';
import { keyMaker, sameValue } from '../wal/derive.ts';
import { exactMode, inMode } from '../wal/exact.ts';
import { requireHistory } from '../wal/instant.ts';
import { rowsAt } from '../wal/past.ts';
import type { LogStore } from '../wal/store.ts';
import { columnList, identityOf, imagesOf, type TrackedTable } from '../wal/table.ts';

/** What became of one row between two points. */
export interface RowDifference {
  /** Primary key; `{ rowid }` for tables without one. */
  key: Row;
  op: 'insert' | 'update' | 'delete';
  before: Row | null;
  after: Row | null;
}

const RANGE = 'lsn>?1 AND lsn<=?2';

/** The net changes of a table from LSN `a` to LSN `b`: replaying them on the one state gives the other. */
export function differences(
  store: LogStore,
  table: TrackedTable,
  a: number,
  b: number,
  integers: IntegerMode,
): RowDifference[] {
  requireHistory(store, table, Math.min(a, b));
  const { engine } = store;
  const { columns, key, id } = table;
  const names = columns.map(({ name }) => name);
  const list = columnList(names);
  const make = rowFactory(names) as (values: unknown[]) => Row;
  const keyOf = keyMaker(table);
  const sides = {
    before: `SELECT ${list},_dosql_r FROM(SELECT min(lsn),op AS _dosql_o,rid AS _dosql_r,${imagesOf(table)} FROM ${store.from} WHERE ${RANGE} AND t=${id} GROUP BY ${identityOf(table)})WHERE _dosql_o NOT IN(1,5)`,
    after: `SELECT ${list},_dosql_id FROM ${rowsAt(store, table, '?2', RANGE, '_dosql_id')}`,
  };
  const range = [Math.min(a, b), Math.max(a, b)];
  const found = new Map<string, RowDifference>();
  for (const side of ['before', 'after'] as const) {
    for (const values of engine.all(engine.plan(sides[side]), range, exactMode(integers))) {
      const row = make(values);
      const rowid = values[names.length];
      const own = keyOf(row, rowid);
      // A key of NULL is no key: such rows are told apart by their rowids.
      const parts = key.some((name) => row[name] === null) ? [null, rowid] : Object.values(own);
      const text = JSON.stringify(
        // JSON knows no bigint and no infinity.
        parts.map((part) => (part instanceof Uint8Array ? part : [typeof part, String(part)])),
      );
      let difference = found.get(text);
      if (!difference) {
        difference = { key: own, op: 'update', before: null, after: null };
        found.set(text, difference);
      }
      difference[(side === 'after') === a <= b ? 'after' : 'before'] = row;
    }
  }
  const result: RowDifference[] = [];
  for (const difference of found.values()) {
    const { before, after } = difference;
    if (!before) difference.op = 'insert';
    else if (!after) difference.op = 'delete';
    else if (names.every((name) => sameValue(before[name], after[name]))) continue;
    for (const row of [difference.key, before, after]) if (row) inMode(row, integers);
    result.push(difference);
  }
  return result;
}
