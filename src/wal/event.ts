import type { Row } from '../engine/values.ts';

/**
 * What happened to one row, or a message or schema change in the same order. To be read only: rows of equal state may be
 * one object, and a repeated batch may have the same ones.
 */
export interface ChangeEvent {
  /** `epoch.lsn`: unique for ever, also when the object is restored to an earlier point. */
  id: string;
  /** Position in the log. A changed key takes two entries; the event has the second one's number. */
  lsn: number;
  /** Milliseconds since the epoch; never less than the previous event's. */
  ts: number;
  /** The transaction: its id (`epoch.lastLsn`), and which of its entries this is, counted from 0. */
  tx: { id: string; index: number; total: number };
  op: 'insert' | 'update' | 'delete' | 'message' | 'schema';
  /** Name of the table today; '' for messages. */
  table: string;
  /** Primary key after the change (before it, for a delete); `{ rowid }` for tables without one, whose changed rowid is a
   * delete and an insert. */
  key: Row;
  before: Row | null;
  after: Row | null;
  /** Columns that an update changed. */
  changed?: string[];
  /** LSN of the last schema change of the table before this event. */
  schemaVersion: number;
  /** Topic of a message. */
  topic?: string;
  /** What was emitted; for a schema change `{ event, table }`. */
  payload?: unknown;
}

/** Events of the log range (`from`, `to`]. */
export interface LogBatch {
  events: ChangeEvent[];
  from: number;
  /** Go on from here, also where filters left no event. */
  to: number;
  /** Nothing is behind `to`. */
  done: boolean;
  /** `to` is inside a transaction, because it has more entries than the limit. */
  partial: boolean;
}
