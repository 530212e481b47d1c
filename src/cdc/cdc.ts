import { currentScope } from '../engine/als.ts';
import { Engine } from '../engine/engine.ts';
import { enter, RootScope } from '../engine/scope.ts';
import type { Transaction } from '../engine/statements.ts';
import { DosqlError } from '../errors/index.ts';
import { ChangeLog } from '../wal/api.ts';
import { assertArgument, assertIntegers, assertNames, assertNumbers } from '../wal/argument.ts';
import { storeOf } from '../wal/store.ts';
import { committed } from './commits.ts';
import { deliverAll, type SinkReport } from './deliver.ts';
import type { Batch } from './event.ts';
import { type CdcDatabase, Feed, type FeedOptions } from './feed.ts';
import type { DrainOptions } from './range.ts';
import { type Sink, sinkFailed } from './sink.ts';

/** A database with the change log, a promise of one, or how to get it: `() => this.getDB()`. */
export type CdcSource = CdcDatabase | Promise<CdcDatabase> | (() => CdcDatabase | Promise<CdcDatabase>);

export interface CdcOptions extends FeedOptions {
  /** Name of the durable consumer; default `'cdc'`. Each sink has its own, `<consumer>/<sink>`. */
  consumer?: string;
  sinks?: readonly Sink[];
}

/** Where a consumer stands. */
export interface CdcStatus {
  consumer: string;
  /** Entries it has not acknowledged. */
  lag: number;
  /** More of them than `maxLag`. */
  lagging: boolean;
  /** What it has not seen is gone: `reset()`. */
  expired: boolean;
}

/**
 * The changes of a database as a stream that loses nothing: they are rows of the change log, written in the user's own
 * transactions, and each consumer's position is durable. Nothing is kept in memory.
 * @throws FEATURE_NOT_ENABLED (when it is used) without `changeLog()`
 */
export function createCDC(source: CdcSource, options: CdcOptions = {}): CDC {
  assertArgument(
    source && /^(object|function)$/.test(typeof source),
    'createCDC needs the database, or how to get it: createCDC(() => this.getDB()).',
  );
  return new CDC(source, options ?? {});
}

/** Made by {@link createCDC}. */
export class CDC {
  readonly sinks: readonly Sink[];
  readonly #source: CdcSource;
  readonly #options: CdcOptions;
  readonly #consumer: string;
  readonly #feeds = new Map<string, Promise<Feed>>();
  #db: CdcDatabase | undefined;
  #drained: Batch | undefined;

  /** @internal */
  constructor(source: CdcSource, options: CdcOptions) {
    this.#source = source;
    this.#options = options;
    this.#consumer = options.consumer ?? 'cdc';
    this.sinks = options.sinks ?? [];
    const { ops, where, consumer, integers } = options;
    assertArgument(!consumer || typeof consumer === 'string', 'The name of a consumer is a string.');
    assertIntegers(integers);
    assertNames(ops, 'ops');
    assertArgument(where === undefined || typeof where === 'function', '`where` is a function of an event.');
    const names = Array.isArray(this.sinks) ? this.sinks.map((sink) => sink?.name) : [''];
    assertArgument(
      names.every((name) => typeof name === 'string' && name) && new Set(names).size === names.length,
      'sinks is a list of sinks, each with a name of its own.',
    );
    if ('storage' in source) this.#use(source);
  }

  /**
   * Writes a message into the log, for every consumer: a transactional outbox. Inside `db.transaction` it is written
   * before the call returns, is part of that transaction and gone when it rolls back. Given an event object, the topic is
   * its `topic` or `table`. A Worker without AsyncLocalStorage has to say which transaction, by its handle. Resolves to the
   * message's LSN. @throws INVALID_PARAMETER
   */
  emit(topic: string, payload?: unknown, tx?: Pick<Transaction, 'scope'>): Promise<number>;
  emit(event: { topic?: string; table?: string }): Promise<number>;
  emit(
    topic: string | { topic?: string; table?: string },
    payload?: unknown,
    tx?: Pick<Transaction, 'scope'>,
  ): Promise<number> {
    const event = topic && typeof topic === 'object' ? topic : undefined;
    const name = event ? (event.topic ?? event.table ?? '') : (topic as string);
    const write = (engine: Engine) => new ChangeLog(storeOf(engine)).emit(name, event ?? payload);
    // In this very turn, so that a call nobody awaits is in the transaction too.
    const scope = tx?.scope ?? currentScope();
    if (scope && (tx || !scope.closed)) {
      scope.check();
      return Promise.resolve(write(scope.engine));
    }
    const known = this.#db && Engine.of(this.#db.storage);
    // A synchronous transaction holds no lock.
    if (known?.depth && !known.lock.busy) return Promise.resolve(write(known));
    return this.#open().then(({ storage }) => {
      const engine = Engine.of(storage);
      return enter(new RootScope(engine), () => write(engine));
    });
  }

  /**
   * The next events, as a list that also knows its range and `ack()`. Until that is called, they come again; also when
   * the object was evicted. Empty when nothing is left. To be called outside transactions. @throws CONSUMER_EXPIRED
   */
  async drain(options?: DrainOptions): Promise<Batch> {
    const feed = await this.#feed(this.#consumer);
    let batch = await feed.next(options);
    // Nobody acknowledges what is empty, and then nobody would see what is behind it.
    while (!batch.length && !batch.done) {
      await batch.ack();
      batch = await feed.next(options);
    }
    this.#drained = batch;
    return batch;
  }

  /** Acknowledges what `drain` returned last. One billed row. */
  async ack(): Promise<void> {
    const batch = this.#drained;
    this.#drained = undefined;
    await batch?.ack();
  }

  /**
   * Batches for ever: what is there, then what is committed. Each is acknowledged when the next one is asked for, so
   * leaving the loop inside its body repeats the last one.
   */
  async *stream({ signal, ...options }: DrainOptions & { signal?: AbortSignal } = {}): AsyncGenerator<Batch> {
    const feed = await this.#feed(this.#consumer);
    const { engine } = feed.store;
    let news = committed(engine, signal);
    while (!signal?.aborted) {
      const batch = await feed.next(options);
      if (batch.length) yield batch;
      if (batch.to > batch.from || batch.part !== undefined) await batch.ack();
      if (!batch.done) continue;
      await news;
      news = committed(engine, signal);
    }
  }

  /**
   * Hands every sink what it has not had yet. One that fails does not hold up the others; the first failure is thrown
   * when all had their turn. Safe to be called at any time, also at once: an alarm is the usual place.
   * @throws SINK_FAILED, SINK_CONFLICT, CONSUMER_EXPIRED
   */
  async flush({ budgetMs = Infinity }: { budgetMs?: number } = {}): Promise<SinkReport[]> {
    assertNumbers({ budgetMs });
    const until = Date.now() + budgetMs;
    const slot = slotOf(await this.#open(), this.#consumer);
    // One after the other, also of several CDCs with this consumer: two would announce different ranges.
    const run = slot.running.then(() => this.#flush(until));
    slot.running = run.catch(() => {});
    return run;
  }

  /** How far behind the consumers are: that of `drain`, where it was used, and those of the sinks. */
  async status(): Promise<CdcStatus[]> {
    const { maxLag = Infinity } = this.#options;
    const { consumers } = (await this.#open()).log.stats();
    return consumers
      .filter(({ name }) => name === this.#consumer || name.startsWith(`${this.#consumer}/`))
      .map(({ name, lag, expired }) => ({ consumer: name, lag, lagging: lag > maxLag, expired }));
  }

  /** Starts over where `from` says, by default where a new consumer would; one sink's consumer when named. */
  async reset(options?: { from?: FeedOptions['from']; sink?: string }): Promise<void> {
    const { from = this.#options.from, sink } = options ?? {};
    // A consumer that nobody delivers to would hold the log for ever.
    if (sink !== undefined && !this.sinks.some(({ name }) => name === sink))
      throw new DosqlError('INVALID_ARGUMENT', `There is no sink ${JSON.stringify(sink)}.`);
    const feed = await this.#feed(this.#nameOf(sink));
    this.#drained = undefined;
    await feed.turn(() => feed.place(from));
  }

  /** Forgets the consumer, or that of one sink: what it held can be pruned. The next use makes a new one. */
  async forget(options?: { sink?: string }): Promise<void> {
    const name = this.#nameOf(options?.sink);
    const feed = await this.#feed(name);
    this.#drained = undefined;
    this.#feeds.delete(name);
    await feed.turn(() => feed.forget());
  }

  #nameOf(sink: string | undefined): string {
    return sink === undefined ? this.#consumer : `${this.#consumer}/${sink}`;
  }

  async #flush(until: number): Promise<SinkReport[]> {
    const db = await this.#open();
    const reports: SinkReport[] = [];
    const failures: unknown[] = [];
    for (const sink of this.sinks) {
      try {
        const feed = await this.#feed(this.#nameOf(sink.name));
        const identity = { database: db.name, writer: await feed.turn(() => writerOf(feed)) };
        reports.push(await deliverAll(feed, sink, identity, until));
      } catch (error) {
        failures.push(
          error instanceof DosqlError
            ? error
            : sinkFailed(sink.name, error instanceof Error ? `${error.message}.` : String(error), error),
        );
      }
    }
    if (failures.length) throw failures[0];
    return reports;
  }

  #feed(name: string): Promise<Feed> {
    let feed = this.#feeds.get(name);
    if (!feed) {
      feed = this.#open().then((db) => Feed.open(db, name, this.#options));
      this.#feeds.set(name, feed);
      feed.catch(() => this.#feeds.delete(name));
    }
    return feed;
  }

  async #open(): Promise<CdcDatabase> {
    const source = this.#source;
    return this.#db ?? this.#use(await (typeof source === 'function' ? source() : source));
  }

  /** Keeps the database, and lets its `flush()` include the sinks. */
  #use(db: CdcDatabase): CdcDatabase {
    assertArgument(db?.storage?.sql, 'createCDC was given something else than a database.');
    if (!this.#db && this.sinks.length) slotOf(db, this.#consumer).flush = () => this.flush();
    this.#db ??= db;
    return this.#db;
  }
}

/** What the CDCs of one consumer in one object share. */
interface Slot {
  flush?: () => Promise<unknown>;
  running: Promise<unknown>;
}

const SLOTS = new WeakMap<Engine, Map<string, Slot>>();

function slotOf({ storage }: CdcDatabase, consumer: string): Slot {
  const engine = Engine.of(storage);
  let slots = SLOTS.get(engine);
  if (!slots) {
    const all = new Map<string, Slot>();
    engine.flushHooks.push(async () => {
      for (const { flush } of all.values()) await flush?.();
    });
    SLOTS.set(engine, all);
    slots = all;
  }
  let slot = slots.get(consumer);
  if (!slot) {
    slot = { running: Promise.resolve() };
    slots.set(consumer, slot);
  }
  return slot;
}

/** A name for this database that no other one has, also a copy with the same name elsewhere. */
function writerOf({ store }: Feed): string {
  const [[known] = []] = store.all("SELECT v FROM _dosql_meta WHERE k='writer'") as [string][];
  if (known) return known;
  const writer = crypto.randomUUID();
  store.setMeta('writer', writer);
  return writer;
}
