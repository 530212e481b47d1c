import type { IntegerMode } from '../engine/integers.ts';
import { rowFactory } from '../engine/rows.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { encodeValue, type Row } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import { assertArgument, assertIntegers, assertLsn, assertNames, assertNumbers } from './argument.ts';
import { Consumer, type ConsumerOptions } from './consumer.ts';
import { keyMaker } from './derive.ts';
import type { LogBatch } from './event.ts';
import { exactMode, inMode } from './exact.ts';
import { horizonOf, lsnOf, type Point, requireHistory, timeAt } from './instant.ts';
import { rowsAt } from './past.ts';
import { type ReadOptions, readLog } from './read.ts';
import { type Room, readRows } from './room.ts';
import { type PruneReport, prune, rotate } from './segments.ts';
import type { LogStore } from './store.ts';
import { columnList, keyColumns, type TrackedTable } from './table.ts';
import { timestamp } from './triggers.ts';

export interface LogHead {
  epoch: string;
  /** Position of the newest entry; 0 when there is none. */
  lsn: number;
  /** Its time, in milliseconds since the epoch. */
  ts: number;
}

export interface LogStats {
  head: LogHead;
  /** Oldest point that can be read. */
  horizon: { lsn: number; ts: number };
  /** Entries in the log. */
  entries: number;
  segments: { name: string; first: number; last: number }[];
  tables: { name: string; since: number; columns: number; dropped: boolean }[];
  /** `lag`: entries not acknowledged. */
  consumers: { name: string; acked: number; lag: number; expired: boolean }[];
}

export interface SnapshotOptions {
  /** The LSN whose state is read. */
  lsn: number;
  /** `next` of the chunk before. */
  after?: readonly unknown[];
  /** Rows of the chunk; default 1,000. */
  limit?: number;
  integers?: IntegerMode;
  /** @internal Bytes of rows to hold at once: a chunk of more has fewer. */
  maxBytes?: number;
}

export interface SnapshotChunk {
  rows: Row[];
  /** The key of each row, as events carry it: `{ rowid }` for tables without one. */
  keys: Row[];
  /** Where the next chunk begins; null behind the last one. */
  next: unknown[] | null;
}

/** `db.log`: the change log of one database. */
export class ChangeLog {
  /** @internal */
  constructor(private readonly store: LogStore) {}

  /** The newest entry; inside a transaction also what is not committed yet. */
  head(): LogHead {
    const { store } = this;
    const lsn = store.last();
    return { epoch: store.epoch, lsn, ts: lsn && timeAt(store, lsn) };
  }

  /**
   * Committed changes behind an LSN, with the rows before and after. Waits for an open transaction to end.
   * @throws HISTORY_UNAVAILABLE when `after` was pruned, LOG_CORRUPT, USE_TRANSACTION_HANDLE inside a transaction
   */
  read(options: ReadOptions = {}): Promise<LogBatch> {
    return this.#turn(() => {
      const { store } = this;
      const { limit, tables, to, integers, after = Math.max(store.horizon - 1, 0) } = options ?? {};
      assertIntegers(integers);
      assertNumbers({ after, to, limit });
      assertNames(tables, 'tables');
      requireHistory(store, undefined, after + 1);
      return readLog(store, { ...options, after });
    });
  }

  /** A durable consumer; it is made at the first call with this name. Its options may change from call to call. */
  consumer(name: string, options: ConsumerOptions = {}): Promise<Consumer> {
    return this.#turn(() => new Consumer(this.store, (work) => this.#turn(work), name, options ?? {}).open());
  }

  /**
   * Writes a message into the log, in the transaction that is open (a transactional outbox), or on its own. The payload is
   * kept as JSON, bytes as they are. Returns its LSN. @throws INVALID_PARAMETER for what JSON cannot hold: a bigint, a
   * function, a circle
   */
  emit(topic: string, payload: unknown = null): number {
    const { engine } = this.store;
    assertArgument(typeof topic === 'string', 'The topic of a message is a string.');
    const value = encodeValue(isBytes(payload) ? payload : jsonOf(payload), 'payload');
    const plan = engine.plan(
      `INSERT INTO _dosql_log(ts,t,op,c0,c1) VALUES(${timestamp(this.store.guarded)},0,7,?,?)`,
    );
    engine.run(plan, [encodeValue(topic, 'topic'), value]);
    return this.store.last();
  }

  /** A chunk of a table's rows as they were at an LSN, in the order of its key; nothing is locked meanwhile. */
  snapshot(table: string, options: SnapshotOptions): Promise<SnapshotChunk> {
    return this.rowsOf(() => this.table(table), options);
  }

  /** @internal Also of a table whose name another one has now. */
  rowsOf(find: () => TrackedTable, options: SnapshotOptions): Promise<SnapshotChunk> {
    return this.#turn(() => {
      const { store } = this;
      const { lsn, after, integers = 'bigint', maxBytes = Infinity } = options ?? {};
      let { limit = 1000 } = options ?? {};
      assertLsn(lsn);
      assertNumbers({ limit });
      assertIntegers(integers);
      assertArgument(
        after === undefined || Array.isArray(after),
        '`after` is the `next` of the chunk before.',
      );
      const tracked = find();
      // What is behind an LSN tells its state: a consumer that holds the log from here on may let go of the entry itself.
      const whole = lsn === store.horizon - 1 && lsn >= tracked.since;
      requireHistory(store, tracked, whole ? store.horizon : lsn);
      const { engine } = store;
      const { key, collations } = tracked;
      const names = tracked.columns.map(({ name }) => name);
      const by = collations ? keyColumns(tracked) : '_dosql_id';
      const width = collations ? key.length : 1;
      const marks = Array.from({ length: width }, (_, i) => `?${i + 3}`).join();
      const sql = `SELECT ${columnList(names)}${collations ? '' : `,${by}`} FROM ${rowsAt(store, tracked, '?1', undefined, '_dosql_id')} ${after ? `WHERE (${by})>(${marks})` : ''} ORDER BY ${by} LIMIT ?2`;
      const values = [lsn, limit, ...((after ?? []) as number[])];
      const room: Room = { bytes: 0, most: maxBytes };
      let rows = readRows(engine, sql, values, exactMode(integers), room);
      if (room.bytes > maxBytes) {
        limit = values[1] = Math.max(1, rows.length);
        rows = engine.all(engine.plan(sql), values, exactMode(integers));
      }
      const make = rowFactory(names);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      const at = collations ? key.map((name) => names.indexOf(name)) : [names.length];
      const made = rows.map((row) => inMode(make(row) as Row, integers));
      const keyOf = keyMaker(tracked);
      const keys = made.map((row, i) => inMode(keyOf(row, rows[i]![names.length]), integers));
      return { rows: made, keys, next: last ? at.map((i) => last[i]) : null };
    });
  }

  /** The LSN that a point in time or a transaction stands for. */
  resolve(point: Point): number {
    return lsnOf(this.store, point);
  }

  /**
   * Drops what is older than a point, in whole segments: up to `before`, but nothing a consumer still needs. Give
   * `Infinity` for as much as possible.
   */
  prune(options: { before: Point }): Promise<PruneReport> {
    return this.#turn(() => {
      const { store } = this;
      const { before } = options ?? {};
      const lsn = before === Infinity ? store.last() : lsnOf(store, before, true);
      return store.engine.transactionSync(() => prune(store, lsn));
    });
  }

  /** Sets the current segment aside, so that it can be pruned as a whole later. False when there are five already. */
  rotate(): Promise<boolean> {
    return this.#turn(() => this.store.engine.transactionSync(() => rotate(this.store)));
  }

  /** Numbers of the log, its tables and its consumers. */
  stats(): LogStats {
    const { store } = this;
    const head = this.head();
    const segments = store.segments.map((s, i) =>
      i === store.segments.length - 1 ? { ...s, last: head.lsn } : { ...s },
    );
    return {
      head,
      horizon: horizonOf(store),
      entries: segments.reduce((sum, { first, last }) => sum + (last && last - first + 1), 0),
      segments,
      tables: [...store.tables.values()].map(({ name, since, columns, dropped }) => ({
        name,
        since,
        columns: columns.length,
        dropped: dropped !== undefined,
      })),
      consumers: (
        store.all('SELECT name,epoch,acked FROM _dosql_consumer') as [string, string, number][]
      ).map(([name, epoch, acked]) => ({
        name,
        acked,
        lag: head.lsn - acked,
        expired: store.expired(epoch, acked),
      })),
    };
  }

  /**
   * Gives the log a new identity: to be called after the object was restored to an earlier point in time. Every consumer
   * is expired then.
   */
  renewEpoch(): Promise<string> {
    return this.#turn(() => {
      this.store.epoch = newEpoch();
      this.store.setMeta('epoch', this.store.epoch);
      return this.store.epoch;
    });
  }

  /** @internal @throws TABLE_NOT_TRACKED */
  table(name: string): TrackedTable {
    return trackedTable(this.store, name);
  }

  #turn<T>(work: () => T): Promise<T> {
    return enter(new RootScope(this.store.engine), work);
  }
}

/** A tracked table, or one dropped while it was. @throws TABLE_NOT_TRACKED */
export function trackedTable(store: LogStore, name: string): TrackedTable {
  assertArgument(typeof name === 'string', 'The name of a table is a string.');
  const table = store.tables.get(foldName(name));
  if (table) return table;
  throw new DosqlError(
    'TABLE_NOT_TRACKED',
    `Table ${name} is not in the change log. Name it in changeLog({ tables: [...] }); its history begins then.`,
    { table: name },
  );
}

function isBytes(value: unknown): boolean {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function jsonOf(value: unknown): string {
  let cause: unknown;
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw new DosqlError(
    'INVALID_PARAMETER',
    `The payload of a message must fit into JSON${cause instanceof Error ? `: ${cause.message}` : `; it is a ${typeof value}.`}`,
    { cause },
  );
}

/** A short random name for one life of the log. */
export function newEpoch(): string {
  return crypto.randomUUID().slice(0, 8);
}
