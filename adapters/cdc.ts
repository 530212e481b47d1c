import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { getTableName } from 'drizzle-orm/table';
import type { Handle } from '../drizzle/connection.ts';
import type { Session } from '../drizzle/session.ts';
import { enter, enterSync, type Scope } from '../src/engine/scope.ts';
import { foldName } from '../src/sql/identifier.ts';
import { ChangeLog, trackedTable } from '../src/wal/api.ts';
import { storeOf } from '../src/wal/store.ts';
import { type Batch, batches, type ConsumeOptions, type StartOptions } from './batches.ts';
import { type Change, decodeChanges, type Present } from './change.ts';
import { type AnyDatabase, type DatabaseOf, openSession, rootSessionOf, sessionOf } from './session.ts';
import { TableRows } from './table-rows.ts';

export type { Batch, ConsumeOptions, StartOptions } from './batches.ts';
export type { Change, Present } from './change.ts';

/**
 * The committed changes of tables, in the order of the log, for a durable consumer: at least once, whole transactions
 * where the limit allows. Rows are decoded as in a select; with several tables, `event.table` tells the types apart.
 * The log must have been opened with `changeLog(…)`.
 * @throws TABLE_NOT_TRACKED, FEATURE_NOT_ENABLED, CONSUMER_EXPIRED, NO_SUCH_COLUMN when the iteration begins or goes on
 */
export function changes<T extends SQLiteTable>(
  db: AnyDatabase,
  tables: T | readonly T[],
  options: ConsumeOptions,
): AsyncGenerator<Batch<Change<T>>, void, undefined>;
/** The same, but a consumer that is new gets every present row first (op `snapshot`): no gap, no duplicate, no lock. */
export function changes<T extends SQLiteTable>(
  db: AnyDatabase,
  tables: T | readonly T[],
  options: StartOptions,
): AsyncGenerator<Batch<Change<T> | Present<T>>, void, undefined>;
export function changes(
  db: AnyDatabase,
  tables: SQLiteTable | readonly SQLiteTable[],
  options: StartOptions,
): AsyncGenerator<Batch<Change<SQLiteTable> | Present<SQLiteTable>>, void, undefined> {
  const session = rootSessionOf(db);
  const list = (Array.isArray(tables) ? tables : [tables]) as SQLiteTable[];
  const names = list.map((table) => getTableName(table));
  return batches(session, names, options, (store) => {
    for (const name of names) trackedTable(store, name);
    const rows = new Map(list.map((table) => [foldName(getTableName(table)), new TableRows(table, session)]));
    return (events) => decodeChanges(events, rows);
  });
}

/** What a topic's messages look like. */
export type Topics = Record<string, unknown>;

/** A message out of the log; `payload` is what was emitted, by way of JSON (bytes as they are). */
export type Message<T extends Topics> = {
  [Topic in keyof T & string]: {
    /** `epoch.lsn`: a key for receivers that want each message once. */
    id: string;
    lsn: number;
    /** Milliseconds since the epoch. */
    ts: number;
    /** The transaction: its id, and which of its entries this is, counted from 0. */
    tx: { id: string; index: number; total: number };
    topic: Topic;
    payload: T[Topic];
  };
}[keyof T & string];

export interface Outbox<T extends Topics> {
  /**
   * Writes a message in the transaction whose handle is given (or on its own, with a database): it is there exactly when
   * the transaction commits. Gives its LSN. One billed row. @throws INVALID_PARAMETER
   */
  emit<Topic extends keyof T & string>(db: DatabaseOf<'sync'>, topic: Topic, payload: T[Topic]): number;
  emit<Topic extends keyof T & string>(
    db: DatabaseOf<'async'>,
    topic: Topic,
    payload: T[Topic],
  ): Promise<number>;
  /**
   * The messages, for a durable consumer: at least once, in order. A new one begins at the oldest entry of the log, unless
   * `from` says otherwise: what was emitted before it was made is not lost.
   */
  messages<Topic extends keyof T & string = keyof T & string>(
    db: AnyDatabase,
    options: ConsumeOptions & { topics?: readonly Topic[] },
  ): AsyncGenerator<Batch<Message<Pick<T, Topic>>>, void, undefined>;
}

/**
 * A transactional outbox in the change log, typed by topic: `const mail = outbox<{ welcome: { userId: number } }>()`. Its
 * messages stand in the log between the changes they belong to; `db.log.emit` writes the same.
 */
export function outbox<T extends Topics = Topics>(): Outbox<T> {
  return {
    emit(db: AnyDatabase, topic: string, payload: unknown) {
      const session = sessionOf(db);
      const work = ({ engine }: Scope) => new ChangeLog(storeOf(engine)).emit(topic, payload);
      if (session.kind === 'async') return emitLater(session, work);
      const { scope } = session.handle as Handle;
      enterSync(scope);
      return work(scope);
    },
    messages(
      db: AnyDatabase,
      { topics, from = 'start', ...options }: ConsumeOptions & { topics?: readonly string[] },
    ) {
      const wanted = topics && new Set(topics);
      return batches(rootSessionOf(db), [], { ...options, from }, () => (events) => {
        const found: unknown[] = [];
        for (const { op, id, lsn, ts, tx, topic, payload } of events) {
          if (op === 'message' && (!wanted || wanted.has(topic!)))
            found.push({ id, lsn, ts, tx, topic, payload });
        }
        return found;
      });
    },
  } as unknown as Outbox<T>;
}

async function emitLater(session: Session, work: (scope: Scope) => number): Promise<number> {
  const { scope } = await openSession(session);
  return enter(scope, () => work(scope));
}
