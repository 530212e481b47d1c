import { DosqlError } from '../errors/index.ts';
import { assertArgument } from '../wal/argument.ts';
import type { CdcEvent } from './event.ts';
import { plainEvent } from './json.ts';
import type { Sink } from './sink.ts';

export interface QueueSinkOptions {
  /** Default `'queue'`. */
  name?: string;
  /** What to send for an event that is too large for a message: a reference, say. Default: LIMIT_EXCEEDED. */
  oversize?: (event: CdcEvent) => unknown;
}

// Cloudflare Queues: a message has at most 128 KB, a batch 100 messages and 256 KB; each carries some bytes of its own.
const MESSAGE_BYTES = 127_000;
const BATCH_BYTES = 250_000;
const BATCH_MESSAGES = 100;

/**
 * Sends one JSON message per event: the event as `plainEvent` makes it, with `database` and `writer`. At least once, and
 * queues do not keep order: `writer` and `id` together are the idempotency key, `lsn` is the order.
 * @throws LIMIT_EXCEEDED for an event larger than a message
 */
export function queueSink(queue: Queue, { name = 'queue', oversize }: QueueSinkOptions = {}): Sink {
  assertArgument(queue, 'queueSink needs a queue: queueSink(env.QUEUE).');
  return {
    name,
    async deliver({ events, database, writer }) {
      let batch: MessageSendRequest[] = [];
      let size = 0;
      const send = async () => {
        if (batch.length) await queue.sendBatch(batch);
        batch = [];
        size = 0;
      };
      for (const event of events) {
        let body: unknown = { database, writer, ...plainEvent(event) };
        let bytes = sizeOf(body);
        if (bytes > MESSAGE_BYTES && oversize) {
          body = oversize(event);
          bytes = sizeOf(body);
        }
        if (bytes > MESSAGE_BYTES) {
          throw new DosqlError(
            'LIMIT_EXCEEDED',
            `Sink ${name}: event ${event.id} of ${event.table || event.topic} has ${bytes} bytes, a queue message at most ${MESSAGE_BYTES}. Give queueSink an oversize function.`,
            {
              table: event.table,
              limit: { name: 'queue message bytes', value: MESSAGE_BYTES, actual: bytes },
            },
          );
        }
        if (batch.length === BATCH_MESSAGES || size + bytes > BATCH_BYTES) await send();
        batch.push({ body, contentType: 'json' });
        size += bytes;
      }
      await send();
    },
  };
}

function sizeOf(body: unknown): number {
  return new TextEncoder().encode(JSON.stringify(body)).length;
}
