import { Engine } from '../engine/engine.ts';
import type { IntegerMode } from '../engine/integers.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { assertNumbers } from '../wal/argument.ts';
import { Consumer, type ConsumerOptions } from '../wal/consumer.ts';
import type { ChangeLog, ChangeLogApi } from '../wal/index.ts';
import { type LogStore, storeOf } from '../wal/store.ts';
import type { Batch, BatchInfo, CdcEvent } from './event.ts';
import { meanWeight, plainEvent } from './json.ts';
import { type DrainOptions, FIRST_LOOK, RangeReader } from './range.ts';
import { Snapshot } from './snapshot.ts';

/** What a feed needs: a database with the change log. */
export type CdcDatabase = { readonly name: string; readonly storage: DurableObjectStorage } & ChangeLogApi;

/** Which events a consumer gets; part of every read, so they may change from one deployment to the next. */
export interface FeedOptions extends Omit<ConsumerOptions, 'from'> {
  /**
   * Where a consumer that is new begins: at the oldest entry of the log (`'start'`, default), `'now'`, behind an LSN, or with every
   * present row (op `snapshot`) and then what changed since: no gap, no duplicate, nothing locked.
   */
  from?: ConsumerOptions['from'] | 'snapshot';
  /** Only these operations; rows of a snapshot always come. */
  ops?: readonly CdcEvent['op'][];
  /** Only events it returns true for. It must give the same answer for the same event. */
  where?: (event: CdcEvent) => boolean;
  /** How integers beyond ±(2^53-1) arrive; default `'bigint'`. */
  integers?: IntegerMode;
}

/** One durable consumer of the log: what it gets next, and how it moves on. */
export class Feed {
  readonly consumer: Consumer;
  readonly snapshot: Snapshot;
  readonly #reader: RangeReader;

  private constructor(
    readonly store: LogStore,
    readonly log: ChangeLog,
    name: string,
    readonly options: FeedOptions,
  ) {
    const { tables, maxLag, onLag } = options;
    this.consumer = new Consumer(store, (work) => this.turn(work), name, {
      ...(tables && { tables }),
      ...(maxLag !== undefined && { maxLag }),
      ...(onLag && { onLag }),
    });
    this.snapshot = new Snapshot(store, name);
    this.#reader = new RangeReader((range) => log.read(range));
  }

  /** The consumer of that name; it is made, and a snapshot begun, when there is none. */
  static async open(db: CdcDatabase, name: string, options: FeedOptions): Promise<Feed> {
    const feed = new Feed(storeOf(Engine.of(db.storage)), db.log, name, options);
    await feed.turn(() => {
      if (feed.store.all('SELECT 1 FROM _dosql_consumer WHERE name=?', name).length) feed.consumer.open();
      else feed.place(options.from);
    });
    return feed;
  }

  /** Runs synchronous work on the connection when no transaction is open. */
  turn<T>(work: () => T): Promise<T> {
    return enter(new RootScope(this.store.engine), work);
  }

  /** Starts over; consumer and snapshot begin in one transaction. To be called in a turn. */
  place(from: FeedOptions['from'] = 'start'): void {
    const { store, consumer, snapshot, options } = this;
    store.engine.transactionSync(() => {
      this.forget();
      const lsn = from === 'snapshot' ? snapshot.begin(options.tables) : from;
      new Consumer(store, (work) => this.turn(work), consumer.name, {
        ...consumer.options,
        from: lsn,
      }).open();
    });
  }

  /** Removes consumer and snapshot. To be called in a turn. */
  forget(): void {
    this.store.all('DELETE FROM _dosql_consumer WHERE name=?', this.consumer.name);
    this.snapshot.end();
  }

  /** The next batch; the same one when it was announced by {@link intend}. @throws CONSUMER_EXPIRED */
  async next(options?: DrainOptions): Promise<Batch> {
    const { limit = 1000, maxBytes = 1 << 22 } = options ?? {};
    const { store } = this;
    assertNumbers({ limit, maxBytes });
    const { epoch, acked, intent } = await this.consumer.position();
    const progress = await this.turn(() => this.snapshot.load());
    // Otherwise it has expired, as drain will say.
    if (progress && !store.expired(epoch, acked)) {
      const { mean } = this.#reader;
      const guess = Math.max(1, Math.min(limit, mean ? maxBytes / mean : FIRST_LOOK) | 0);
      const { lsn } = progress;
      const { integers, tables: only } = this.options;
      const found = await this.snapshot.read(progress, this.log, {
        limit: guess,
        maxBytes: 2 * maxBytes,
        integers,
        only,
      });
      if (found) {
        const { events, part } = found;
        this.#reader.mean = meanWeight(events);
        return this.#batch(events, {
          ...{ from: lsn, to: lsn, part, done: false, partial: false },
          ack: () => this.turn(() => this.snapshot.advance(found)),
        });
      }
      await this.turn(() => this.snapshot.end());
    }
    const { consumer } = this;
    const { integers } = this.options;
    const batch =
      intent === null
        ? await this.#reader.next((range) => consumer.drain(range), { limit, maxBytes }, this.options)
        : await consumer.drain({ to: intent, ...(integers && { integers }) });
    return this.#batch(batch.events, {
      ...{ from: batch.from, to: batch.to, done: batch.done, partial: batch.partial },
      ack: () => consumer.ack(batch.to, batch.from),
    });
  }

  /** Makes it durable that this batch is about to be delivered: a retry then gets the same one. */
  async intend({ part, from, to, seen }: Batch): Promise<void> {
    if (part === undefined) await this.consumer.intend(to, from);
    else if (seen) await this.turn(() => this.snapshot.intend(seen));
  }

  #batch(events: readonly CdcEvent[], info: Omit<BatchInfo, 'epoch' | 'seen' | 'toJSON'>): Batch {
    const { ops, where } = this.options;
    const kept =
      ops || where
        ? events.filter(
            (event) =>
              (!ops || event.op === 'snapshot' || ops.includes(event.op)) && (!where || where(event)),
          )
        : [...events];
    const { epoch } = this.store;
    const all: BatchInfo = {
      ...{ ...info, epoch, seen: events.length },
      // A batch of the log's former life says nothing about this one.
      ack: async () => void (epoch === this.store.epoch && (await info.ack())),
      toJSON: () => kept.map(plainEvent),
    };
    // Not enumerable: the batch compares, prints and is sent by RPC as the list that it is.
    for (const [key, value] of Object.entries(all)) Object.defineProperty(kept, key, { value });
    return kept as readonly CdcEvent[] as Batch;
  }
}
