import type { IntegerMode } from '../engine/integers.ts';
import { DosqlError } from '../errors/index.ts';
import { eventsOf } from './derive.ts';
import type { ChangeEvent, LogBatch } from './event.ts';
import type { Room } from './room.ts';
import type { LogStore } from './store.ts';

export interface ReadOptions {
  /** Read behind this LSN; default: from the oldest entry. */
  after?: number;
  /** Read up to this LSN exactly, whatever the limit. */
  to?: number;
  /** Entries to look at, at most; default 1,000. Batches end with a transaction where one of this size can. */
  limit?: number;
  /** Only changes of these tables. Messages are always given. */
  tables?: readonly string[];
  /** How integers beyond ±(2^53-1) arrive; default `'bigint'`. */
  integers?: IntegerMode;
  /** @internal Bytes of rows to hold at once: a batch of more ends earlier, unless `to` says where. */
  maxBytes?: number;
}

/**
 * Finding what a row became takes a look at everything behind the range, so a reader that follows a long backlog in small
 * batches gets them from larger ranges, which are derived once: each of up to four times as many entries as the one before.
 */
const AHEAD = 20_000;
const AHEAD_BYTES = 6_000_000;
/** The range that was derived last: its events, when there are some left. */
interface Ahead extends End {
  key: string;
  from: number;
  events: ChangeEvent[];
  /** Entries that the next range may have. */
  next: number;
}
const AHEADS = new WeakMap<LogStore, Ahead>();

/** The committed changes of a range of the log, the same for the same range every time. To be called outside transactions. */
export function readLog(store: LogStore, options: ReadOptions): LogBatch {
  if (store.engine.depth > 0) {
    throw new DosqlError(
      'DATABASE_BUSY',
      'The change log gives committed changes: read it outside of transactions.',
    );
  }
  const { after = 0, maxBytes = Infinity } = options;
  const from = Math.max(after, 0);
  let end = endOf(store, from, options);
  const key = JSON.stringify([store.epoch, store.version, options.tables, options.integers]);
  const known = AHEADS.get(store);
  let ahead = known?.key === key && known.from <= from && from <= known.to ? known : undefined;
  // What is left of it comes first, unless it ends inside a transaction that this reader can have whole.
  if (ahead && from < ahead.to && ahead.to < end.to) {
    if (options.to === undefined && (end.partial || !ahead.partial)) end = { ...ahead, done: false };
    else ahead = undefined;
  }
  if (!ahead || ahead.to < end.to) {
    let range = end;
    if (ahead && options.to === undefined && ahead.next > end.to - from)
      range = endOf(store, from, { limit: ahead.next | 0 });
    for (ahead = undefined; !ahead; ) {
      const count = range.to - from;
      const most =
        options.to !== undefined || count <= 2
          ? Infinity
          : Math.min(maxBytes, range === end ? Infinity : 2 * AHEAD_BYTES);
      const room: Room = { bytes: 0, most };
      const events = eventsOf(store, from, range.to, options, room);
      if (room.bytes <= most) {
        const fit = (Math.min(AHEAD_BYTES, maxBytes / 2) * count) / (room.bytes + 1);
        ahead = { ...range, key, from, events, next: Math.min(AHEAD, 4 * count, fit) };
      } else if (range === end) range = end = endOf(store, from, { limit: Math.max(1, count >> 2) });
      else range = end;
    }
  }
  const { events } = ahead;
  const behind = (lsn: number) => {
    let low = 0;
    for (let high = events.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (events[middle]!.lsn > lsn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const { to, done, partial } = end;
  AHEADS.set(store, ahead.to === to ? { ...ahead, from: to, events: [] } : ahead);
  return { events: events.slice(behind(from), behind(to)), from, to, done, partial };
}

/** The end of a range, whether the log ends there, and whether a transaction is torn there. */
type End = Pick<LogBatch, 'to' | 'done' | 'partial'>;

function endOf(store: LogStore, from: number, { to, limit = 1000 }: ReadOptions): End {
  const head = store.last();
  if (to !== undefined) return { to: Math.min(to, head), done: to >= head, partial: false };
  let end = Math.min(head, from + Math.max(1, limit));
  let partial = false;
  const [[first, last] = []] = store.all(
    'SELECT first_lsn,last_lsn FROM _dosql_tx WHERE last_lsn>=? ORDER BY last_lsn LIMIT 1',
    end,
  ) as number[][];
  if (last !== undefined && first! <= end && end < last) {
    if (first! - 1 > from) end = first! - 1;
    else partial = true;
  }
  // The two entries of a changed key are one event.
  const [[op] = []] = store.all(`SELECT op FROM ${store.from} WHERE lsn=?`, end) as number[][];
  if (op === 4) end++;
  return { to: end, done: end >= head, partial: partial && end !== last };
}
