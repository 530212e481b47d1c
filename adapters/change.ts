import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { CdcEvent } from '../src/cdc/event.ts';
import type { Row } from '../src/engine/values.ts';
import { foldName } from '../src/sql/identifier.ts';
import type { TableRows } from './table-rows.ts';

/** A row as a select gives it. */
export type Selected<T extends SQLiteTable> = T['$inferSelect'];

/** The primary key, by the names of the declaration; `{ rowid }` for tables without one. */
export type KeyOf<T extends SQLiteTable> = Partial<Selected<T>> & { readonly rowid?: unknown };

interface About<T extends SQLiteTable> {
  /** `epoch.lsn`: unique for ever, also when the object is restored to an earlier point. */
  id: string;
  lsn: number;
  /** Milliseconds since the epoch; never less than the previous event's. */
  ts: number;
  /** The transaction: its id, and which of its entries this is, counted from 0. */
  tx: { id: string; index: number; total: number };
  /** Name of the table, as it is declared. */
  table: T['_']['name'];
  /** After the change; before it, for a delete. */
  key: KeyOf<T>;
  /** LSN of the last schema change of the table before this event. */
  schemaVersion: number;
}

/** What happened to a row; of several tables, one of their types, told apart by `table`, `op` telling what is there. */
export type Change<T extends SQLiteTable> = T extends SQLiteTable
  ? About<T> &
      (
        | { op: 'insert'; before: null; after: Selected<T> }
        | {
            op: 'update';
            before: Selected<T>;
            after: Selected<T>;
            /** What differs, by the names of the declaration. */
            changed: (keyof Selected<T> & string)[];
          }
        | { op: 'delete'; before: Selected<T>; after: null }
      )
  : never;

/** A row that was there when the consumer began; its `id` has the number of the row behind the snapshot's LSN. */
export type Present<T extends SQLiteTable> = T extends SQLiteTable
  ? About<T> & { op: 'snapshot'; before: null; after: Selected<T> }
  : never;

/** The changes of rows among the events, decoded; `tables` by folded name. */
export function decodeChanges(
  events: readonly CdcEvent[],
  tables: ReadonlyMap<string, TableRows>,
): Change<SQLiteTable>[] {
  const found: { event: CdcEvent; rows: TableRows }[] = [];
  const stored = new Map<TableRows, Set<Row>>();
  for (const event of events) {
    const rows = tables.get(foldName(event.table));
    if (!rows || event.op === 'schema' || event.op === 'message') continue;
    found.push({ event, rows });
    // One row's state after a change and before the next is one object: it is decoded once.
    let states = stored.get(rows);
    if (!states) {
      states = new Set();
      stored.set(rows, states);
    }
    if (event.before) states.add(event.before);
    if (event.after) states.add(event.after);
  }
  const decoded = new Map<Row, unknown>();
  for (const [rows, states] of stored) {
    const list = [...states];
    rows.decode(list).forEach((row, i) => void decoded.set(list[i]!, row));
  }
  return found.map(({ event, rows }) => {
    const { id, lsn, ts, tx, op, key, before, after, changed, schemaVersion } = event;
    return {
      id,
      lsn,
      ts,
      tx,
      op,
      table: rows.name,
      key: rows.decodePart(key),
      before: before && decoded.get(before),
      after: after && decoded.get(after),
      ...(changed && { changed: rows.keysOf(changed) }),
      schemaVersion,
    } as unknown as Change<SQLiteTable>;
  });
}
