import type { IntegerMode } from '../engine/integers.ts';
import type { ChangeEvent, LogBatch } from '../wal/event.ts';
import type { ReadOptions } from '../wal/read.ts';
import { weigh } from './json.ts';

export interface DrainOptions {
  /** Entries of the log to look at; default 1,000. */
  limit?: number;
  /** About how many bytes of JSON; default 4 MiB. A larger event comes alone. */
  maxBytes?: number;
}

/** What goes into every read. */
export interface ReadFilter {
  tables?: readonly string[] | undefined;
  integers?: IntegerMode | undefined;
}

/** Entries of the first look, when nothing is known of their size. */
export const FIRST_LOOK = 16;

/** Each look also goes over everything behind its range, so there are few of them. */
const GROWTH = 16;

/** Reads ranges of the log that fit into memory. */
export class RangeReader {
  /** Bytes per entry, as seen so far; 0 at first. */
  mean = 0;
  /** Entries seen by the last `next`: rows may grow suddenly, so the next look is at most {@link GROWTH} times as large. */
  #last = 1;

  constructor(private readonly read: (options: ReadOptions) => Promise<LogBatch>) {}

  /** In several looks, since nobody knows how large rows are before they are read. `first`: the first of them. */
  async next(
    first: (options: ReadOptions) => Promise<LogBatch>,
    { limit = 1000, maxBytes = 1 << 22 }: DrainOptions,
    { tables, integers }: ReadFilter,
  ): Promise<LogBatch> {
    // As JSON rows weigh more or less than in the log.
    const common = { maxBytes: 2 * maxBytes, ...(tables && { tables }), ...(integers && { integers }) };
    const look = Math.min(limit, GROWTH * this.#last, this.mean ? maxBytes / this.mean : FIRST_LOOK);
    let batch = await first({ ...common, limit: Math.max(1, look | 0) });
    const { from } = batch;
    const events: ChangeEvent[] = [];
    let size = 0;
    for (;;) {
      for (const event of batch.events) {
        events.push(event);
        size += weigh(event);
      }
      const seen = batch.to - from;
      this.#last = Math.max(seen, 1);
      this.mean = size / Math.max(seen, 1);
      if (batch.done || seen >= limit || size >= maxBytes)
        return cut(events, size, maxBytes, { ...batch, from });
      const more = Math.min(limit - seen, size ? (maxBytes - size) / this.mean : limit, GROWTH * this.#last);
      batch = await this.read({ ...common, after: batch.to, limit: Math.max(1, more | 0) });
    }
  }
}

/** Leaves out events beyond `maxBytes`, and the beginning of a transaction that would be torn but need not be. */
function cut(
  events: ChangeEvent[],
  size: number,
  maxBytes: number,
  { from, to, done, partial }: LogBatch,
): LogBatch {
  let keep = events.length;
  while (keep > 1 && size > maxBytes) size -= weigh(events[--keep]!);
  const next = events[keep];
  const last = events[keep - 1];
  if (next) {
    to = last!.lsn;
    done = false;
    partial = next.tx.id === last!.tx.id;
  }
  if (partial) {
    // The entry before the transaction's first one.
    const start = last ? last.lsn - last.tx.index - 1 : to;
    // Of a transaction that no event is of, nothing is torn.
    partial = last !== undefined && start + last.tx.total > to;
    if (partial && start > from) {
      while (keep > 0 && events[keep - 1]!.lsn > start) keep--;
      to = start;
      done = partial = false;
    }
  }
  return { events: events.slice(0, keep), from, to, done, partial };
}
