import type { Session } from '../drizzle/session.ts';
import { enter } from '../src/engine/scope.ts';
import { ChangeLog } from '../src/wal/api.ts';
import type { ConsumerOptions } from '../src/wal/consumer.ts';
import type { ChangeEvent } from '../src/wal/event.ts';
import { type LogStore, storeOf } from '../src/wal/store.ts';
import { Commits } from './commits.ts';
import { openSession } from './session.ts';

export interface ConsumeOptions extends Omit<ConsumerOptions, 'tables'> {
  /** Name of the durable consumer; it is made at the first use. */
  consumer: string;
  /** Log entries to look at for one batch; default 1,000. Batches end with a transaction where one of this size can. */
  limit?: number;
  /** Wait for further commits, instead of ending behind what was committed when the iteration began. */
  follow?: boolean;
  /** Ends the iteration, also while it waits. */
  signal?: AbortSignal;
}

/** Events of the log range (`from`, `to`]; never without any. */
export interface Batch<Event> {
  events: Event[];
  from: number;
  to: number;
  /** It ends inside a transaction, because that has more entries than the limit. */
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
  { consumer: name, limit = 1000, follow = false, signal, ...options }: ConsumeOptions,
  pick: (store: LogStore) => (events: readonly ChangeEvent[]) => Event[],
): AsyncGenerator<Batch<Event>, void, undefined> {
  const { scope } = await openSession(session);
  const { engine } = scope;
  // Refuses an iteration inside a transaction, which would wait for its own end.
  await enter(scope, () => {});
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
    const consumer = await log.consumer(name, { ...options, tables });
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
          ? await consumer.drain({ limit })
          : await log.read({ after: at, limit, tables });
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
