import type { Session } from '../drizzle/session.ts';
import type { CdcEvent } from '../src/cdc/event.ts';
import { type Progress, Snapshot, type SnapshotPart } from '../src/cdc/snapshot.ts';
import { enter, RootScope } from '../src/engine/scope.ts';
import { ChangeLog } from '../src/wal/api.ts';
import { Consumer, type ConsumerOptions } from '../src/wal/consumer.ts';
import { type LogStore, storeOf } from '../src/wal/store.ts';
import { Commits } from './commits.ts';
import { openSession } from './session.ts';

export interface ConsumeOptions extends Omit<ConsumerOptions, 'tables' | 'from'> {
  /** Name of the durable consumer; it is made at the first use. */
  consumer: string;
  /**
   * Where a consumer that is new begins: `'now'` (default for changes), at the oldest entry of the log (default for the
   * messages of an outbox), or behind an LSN.
   */
  from?: ConsumerOptions['from'];
  /** Log entries to look at for one batch; default 1,000. Batches end with a transaction where one of this size can. */
  limit?: number;
  /** Wait for further commits, instead of ending behind what was committed when the iteration began. */
  follow?: boolean;
  /** Ends the iteration, also while it waits. */
  signal?: AbortSignal;
}

/** A batch of large rows has fewer of them: the isolate has 128 MB. */
const BATCH_BYTES = 1 << 23;

/** What {@link batches} can do besides: begin a new consumer with the rows that are there. */
export interface StartOptions extends Omit<ConsumeOptions, 'from'> {
  from?: ConsumerOptions['from'] | 'snapshot';
}

/** Events of the log range (`from`, `to`]; never without any. Of a snapshot, both are the LSN whose state it is. */
export interface Batch<Event> {
  events: Event[];
  from: number;
  to: number;
  /** It ends inside a transaction, because that has more entries than the limit, or inside a snapshot. */
  partial: boolean;
  /**
   * Moves the consumer behind this batch and all before it: one billed row. What is not acknowledged comes again when the
   * consumer is iterated anew.
   */
  ack(): Promise<void>;
}

/** The batches of a consumer. `pick` makes its events of the log's. */
export async function* batches<Event>(
  session: Session,
  tables: readonly string[],
  { consumer: name, from: start, limit = 1000, follow = false, signal, ...options }: StartOptions,
  pick: (store: LogStore) => (events: readonly CdcEvent[]) => Event[],
): AsyncGenerator<Batch<Event>, void, undefined> {
  const { scope } = await openSession(session);
  const { engine } = scope;
  const store = storeOf(engine);
  const log = new ChangeLog(store);
  const choose = pick(store);
  let news = false;
  let wake = () => {};
  const unlisten = follow
    ? Commits.of(engine).listen(() => {
        news = true;
        wake();
      })
    : undefined;
  const abort = () => wake();
  signal?.addEventListener('abort', abort);
  try {
    const snapshot = new Snapshot(store, name);
    if (start === 'snapshot') await enter(scope, () => begin(store, snapshot, name, { ...options, tables }));
    const consumer = await log.consumer(name, {
      ...options,
      tables,
      ...(start !== undefined && start !== 'snapshot' && { from: start }),
    });
    const parts: SnapshotPart[] = [];
    const confirm = (part: number) =>
      enter(scope, () => {
        while (parts[0] && parts[0].part <= part) snapshot.advance(parts.shift()!);
      });
    let progress = await enter(scope, () => snapshot.load());
    while (progress && !signal?.aborted) {
      const { acked, epoch } = await consumer.position();
      // It is expired, as drain will say.
      if (store.expired(epoch, acked)) break;
      const { lsn }: Progress = progress;
      const most = { limit, maxBytes: BATCH_BYTES, only: tables };
      const found: SnapshotPart | undefined = await snapshot.read(progress, log, most);
      // Empty tables were left. The end is noted when nothing can come again.
      if (!found && parts.length === 0) await enter(scope, () => snapshot.end());
      progress = found?.rest;
      if (!found) break;
      parts.push(found);
      const ack = () => confirm(found.part);
      yield { events: choose(found.events), from: lsn, to: lsn, partial: progress !== undefined, ack };
    }
    let { acked, epoch } = await consumer.position();
    // What was delivered last, and how far was looked.
    let delivered = acked;
    let at: number | undefined;
    const end = log.head().lsn;
    while (!signal?.aborted) {
      news = false;
      // Once the log has another identity, only the consumer can say that it is expired.
      const batch =
        at === undefined || epoch !== log.head().epoch
          ? await consumer.drain({ limit, maxBytes: BATCH_BYTES })
          : await log.read({ after: at, limit, tables, maxBytes: BATCH_BYTES });
      const { from, to, partial, done } = batch;
      at = to;
      const events = choose(batch.events);
      if (events.length > 0) {
        delivered = to;
        yield {
          events,
          from,
          to,
          partial,
          async ack() {
            if (parts.length > 0) await confirm(Infinity);
            await consumer.ack(to);
            acked = Math.max(acked, to);
          },
        };
      } else if (acked >= delivered && to - acked >= limit) {
        // Entries that are of no interest must not be kept for ever; a row per commit would be too much.
        await consumer.ack(to);
        acked = to;
      }
      if (!follow && at >= end) return;
      if (!follow || !done || news || signal?.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      // A macrotask: what a request writes between its awaits is one batch.
      await scheduler.wait(0);
    }
  } finally {
    unlisten?.();
    signal?.removeEventListener('abort', abort);
  }
}

/** Consumer and snapshot of a new name begin in one transaction. */
function begin(store: LogStore, snapshot: Snapshot, name: string, options: ConsumerOptions): void {
  if (store.all('SELECT 1 FROM _dosql_consumer WHERE name=?', name).length > 0) return;
  const { engine } = store;
  engine.transactionSync(() => {
    const from = snapshot.begin(options.tables);
    new Consumer(store, (work) => enter(new RootScope(engine), work), name, { ...options, from }).open();
  });
}
