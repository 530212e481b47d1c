import { DosqlError } from '../errors/index.ts';
import { assertArgument, assertIntegers, assertLsn, assertNames, assertNumbers } from './argument.ts';
import type { LogBatch } from './event.ts';
import { horizonOf } from './instant.ts';
import { type ReadOptions, readLog } from './read.ts';
import type { LogStore } from './store.ts';

export interface ConsumerOptions {
  /** Where a consumer that is new begins: `'now'` (default), at the oldest entry, or behind an LSN. */
  from?: 'now' | 'start' | number;
  /** Only changes of these tables. */
  tables?: readonly string[];
  /** Entries it may be behind before `onLag` counts. */
  maxLag?: number;
  /** `'hold'` (default): nothing it has not seen is pruned. `'expire'`: beyond `maxLag` it is, and drain fails. */
  onLag?: 'hold' | 'expire';
}

/** A durable position in the log. */
export interface ConsumerPosition {
  epoch: string;
  acked: number;
  /** End of the batch that a sink said it is about to deliver; null when it did not. */
  intent: number | null;
}

export interface DrainedBatch extends LogBatch {
  /** Moves the consumer behind this batch. One billed row. */
  ack(): Promise<void>;
}

/** How a consumer's methods take their turn on the connection. */
export type Turn = <T>(work: () => T) => Promise<T>;

/** A named consumer: reads on from where it acknowledged, at least once. */
export class Consumer {
  /** @internal Use `db.log.consumer`. */
  constructor(
    private readonly store: LogStore,
    private readonly turn: Turn,
    readonly name: string,
    readonly options: ConsumerOptions,
  ) {}

  /** @internal Makes the durable row, or keeps the one that is there. */
  open(): this {
    const { store, name, options } = this;
    const { from = 'now', maxLag, onLag, tables } = options;
    assertArgument(typeof name === 'string' && name, 'A consumer needs a name.');
    assertNumbers({ maxLag });
    assertNames(tables, 'tables');
    assertArgument(!onLag || onLag === 'hold' || onLag === 'expire', "onLag is 'hold' or 'expire'.");
    const text = stateOf(options);
    const [row] = store.all('SELECT state FROM _dosql_consumer WHERE name=?', name);
    if (!row) this.#place(from, text);
    else if (row[0] !== text) store.run('UPDATE _dosql_consumer SET state=? WHERE name=?', text, name);
    return this;
  }

  /** Where it stands. */
  position(): Promise<ConsumerPosition> {
    return this.turn(() => this.#row());
  }

  /**
   * The next batch; the same one again until it is acknowledged. Call it outside transactions.
   * @throws CONSUMER_EXPIRED when the log it has not seen is gone or the object was restored: start over with `reset`
   */
  drain(options: Omit<ReadOptions, 'after' | 'tables'> = {}): Promise<DrainedBatch> {
    return this.turn(() => {
      const { store } = this;
      const { epoch, acked } = this.#row();
      if (store.expired(epoch, acked) || acked > store.last()) {
        throw new DosqlError(
          'CONSUMER_EXPIRED',
          `Consumer ${this.name} stands at ${epoch}.${acked}, but the log (epoch ${store.epoch}) begins at LSN ${store.horizon}. Take a new snapshot and call reset().`,
          { horizon: horizonOf(store) },
        );
      }
      const { tables } = this.options;
      const { limit, to, integers } = options ?? {};
      assertNumbers({ limit, to });
      assertIntegers(integers);
      const batch = readLog(store, { ...options, after: acked, ...(tables && { tables }) });
      return { ...batch, ack: () => this.ack(batch.to, batch.from) };
    });
  }

  /** Moves on to `to`; never back. One billed row, none when it stands there. */
  ack(to: number): Promise<void>;
  /** @internal Not over what lies before the batch from `from`: the consumer was set back meanwhile. */
  ack(to: number, from: number): Promise<void>;
  ack(to: number, from = 0): Promise<void> {
    return this.turn(() => {
      assertLsn(to);
      this.store.run(
        'UPDATE _dosql_consumer SET acked=?1,intent=NULL WHERE name=?2 AND acked<?1 AND epoch=?3 AND acked>=?4',
        to,
        this.name,
        this.store.epoch,
        from,
      );
    });
  }

  /** Notes durably that the batch up to `to` is about to be delivered, so that a retry after a crash sends the same range. */
  intend(to: number): Promise<void>;
  /** @internal As {@link ack}. */
  intend(to: number, from: number): Promise<void>;
  intend(to: number, from = 0): Promise<void> {
    return this.turn(() => {
      assertLsn(to);
      this.store.run('UPDATE _dosql_consumer SET intent=? WHERE name=? AND acked>=?', to, this.name, from);
    });
  }

  /** Starts over in the present epoch. */
  reset(from: ConsumerOptions['from'] = 'now'): Promise<void> {
    return this.turn(() => {
      this.#place(from, stateOf(this.options));
    });
  }

  /** Forgets the consumer; what it held can be pruned. */
  delete(): Promise<void> {
    return this.turn(() => {
      const { store, name } = this;
      store.run('DELETE FROM _dosql_consumer WHERE name=?', name);
      store.run('DELETE FROM _dosql_meta WHERE k=?', snapshotKey(name));
    });
  }

  #place(from: 'now' | 'start' | number, state: string): void {
    const { store } = this;
    const acked = from === 'now' ? store.last() : from === 'start' ? Math.max(store.horizon - 1, 0) : from;
    assertLsn(acked);
    store.run(
      'INSERT OR REPLACE INTO _dosql_consumer VALUES(?,?,?,NULL,?)',
      this.name,
      store.epoch,
      acked,
      state,
    );
  }

  #row(): ConsumerPosition {
    const [row] = this.store.all('SELECT epoch,acked,intent FROM _dosql_consumer WHERE name=?', this.name);
    if (!row) throw new DosqlError('INVALID_ARGUMENT', `There is no consumer ${this.name}; it was deleted.`);
    const [epoch, acked, intent] = row as [string, number, number | null];
    return { epoch, acked, intent };
  }
}

/** Where `_dosql_meta` says how far the snapshot of a consumer is. */
export function snapshotKey(consumer: string): string {
  return `snapshot:${consumer}`;
}

/** What `_dosql_consumer` says of a consumer's options. */
function stateOf({ tables, maxLag, onLag }: ConsumerOptions): string {
  return JSON.stringify({ tables, maxLag, onLag });
}
