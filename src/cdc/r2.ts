import { DosqlError } from '../errors/index.ts';
import { assertArgument } from '../wal/argument.ts';
import { toNdjson } from './json.ts';
import type { Sink } from './sink.ts';

export interface R2SinkOptions {
  /** Default `'r2'`. */
  name?: string;
  /** Begin of the keys; default `cdc/<database>/<consumer>`. Give each object its own when databases share a name. */
  prefix?: string;
  /** Entries per object; default 10,000. */
  limit?: number;
  /** About how many bytes per object; default 4 MiB. */
  maxBytes?: number;
}

/**
 * Writes NDJSON objects, exactly once in effect: `<prefix>/<epoch>/<from>-<to>.ndjson`, 16 digits each. A repeated
 * delivery has the same key, and a key is written only once. Names sort in log order, and each begins where the one
 * before it ends, so that a reader finds gaps by names alone. Parts of a snapshot are `<lsn>-<lsn>-<part>.ndjson`.
 * @throws SINK_CONFLICT when an object of somebody else has the key
 */
export function r2Sink(bucket: R2Bucket, options: R2SinkOptions = {}): Sink {
  const { name = 'r2', prefix, limit = 10_000, maxBytes } = options;
  assertArgument(bucket, 'r2Sink needs an R2 bucket: r2Sink(env.BUCKET).');
  return {
    name,
    limit,
    contiguous: true,
    ...(maxBytes !== undefined && { maxBytes }),
    async deliver({ database, consumer, writer, epoch, from, to, part, events }) {
      const suffix = part === undefined ? '' : `-${digits(part, 6)}`;
      const key = `${prefix ?? `cdc/${database}/${consumer}`}/${epoch}/${digits(from)}-${digits(to)}${suffix}.ndjson`;
      const put = await bucket.put(key, toNdjson(events), {
        onlyIf: { etagDoesNotMatch: '*' },
        httpMetadata: { contentType: 'application/x-ndjson' },
        customMetadata: { writer },
      });
      // It exists: ours when a crash came between the put and its acknowledgement.
      if (put === null && (await bucket.head(key))?.customMetadata?.['writer'] !== writer) {
        throw new DosqlError(
          'SINK_CONFLICT',
          `Sink ${name}: another object wrote ${key}. Give each Durable Object a prefix of its own.`,
        );
      }
    },
  };
}

function digits(n: number, length = 16): string {
  return String(n).padStart(length, '0');
}
