import type { Feed } from './feed.ts';
import type { Delivery, Sink } from './sink.ts';

/** What a flush did for one sink. */
export interface SinkReport {
  sink: string;
  deliveries: number;
  events: number;
  /** Nothing was left when it ended; otherwise its time was up. */
  done: boolean;
}

/**
 * Hands a sink what it has not had yet: announce durably, deliver, acknowledge. Whatever is lost in between, the same
 * range goes out again under the same id. (Output gates hold a delivery back until its announcement is on disk.)
 */
export async function deliverAll(
  feed: Feed,
  sink: Sink,
  identity: Pick<Delivery, 'database' | 'writer'>,
  until: number,
): Promise<SinkReport> {
  const { limit = 1000, maxBytes = 1 << 22, name } = sink;
  const consumer = feed.consumer.name;
  const report: SinkReport = { sink: name, deliveries: 0, events: 0, done: false };
  do {
    const batch = await feed.next({ limit, maxBytes });
    const { epoch, from, to, part } = batch;
    const announced = (await feed.consumer.position()).intent !== null;
    // Where filters left nothing, an empty object is worth it only for a long range, or one that was announced.
    if (batch.length || announced || (sink.contiguous && (!batch.done || to - from >= limit))) {
      if (!announced) await feed.intend(batch);
      const id = `${consumer}/${epoch}.${from}-${to}${part === undefined ? '' : `-${part}`}`;
      await sink.deliver({
        ...{ id, ...identity, consumer, epoch, from, to, events: batch },
        ...(part !== undefined && { part }),
      });
      report.deliveries++;
      report.events += batch.length;
    } else if (sink.contiguous) {
      report.done = true;
      break;
    }
    if (to > from || part !== undefined) await batch.ack();
    report.done = batch.done;
  } while (!report.done && Date.now() < until);
  return report;
}
