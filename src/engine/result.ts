import type { Row } from './values.ts';

/** Rows of a statement. `rowsRead` and `rowsWritten` are the platform's billing counts (index entries included). */
export interface QueryResult<T = Row> {
  rows: T[];
  /** Names of all result columns, duplicates included. */
  columns: string[];
  rowsRead: number;
  rowsWritten: number;
}

/** Result of a statement that may write. */
export interface RunResult<T = Row> extends QueryResult<T> {
  /** Rows inserted, updated or deleted by the statement itself, as SQLite's `changes()`; 0 for reads and DDL. */
  changes: number;
  /** Rowid of the last inserted row of this object; bigint beyond ±(2^53-1); 0 for reads and DDL. */
  lastInsertRowid: number | bigint;
}

/** What ran: one per statement, given to `onQuery`. Parameters only where `captureParams` asks for them. */
export interface QueryEvent {
  sql: string;
  /** Wall-clock milliseconds; workerd's clock stands still during synchronous work, so short statements read 0. */
  ms: number;
  rowsRead: number;
  rowsWritten: number;
  /** Tables the statement names, lower case. */
  tables: readonly string[];
  params?: readonly unknown[];
  error?: unknown;
}
