import { DosqlError } from '../errors/index.ts';
import { isDay } from '../sql/date.ts';
import { foldName } from '../sql/identifier.ts';
import { assertArgument, assertLsn } from './argument.ts';
import { ELSEWHERE, type LogStore } from './store.ts';
import type { TrackedTable } from './table.ts';

/**
 * A point in the past: a Date, milliseconds since the epoch, ISO-8601 text (UTC where it names no zone), the LSN of an
 * entry, or the id of a transaction as events carry it (`epoch.lsn`, or its last LSN).
 */
export type Point =
  | Date
  | number
  | string
  | { readonly lsn: number }
  | { readonly transaction: string | number };

/** Milliseconds since the epoch. @throws INVALID_ARGUMENT */
export function timeOf(point: Date | number | string): number {
  let ms = NaN;
  if (typeof point === 'number') ms = point;
  else if (point instanceof Date) ms = point.getTime();
  else if (typeof point === 'string') {
    const text = point.trim();
    const zoned = /(?:z|[+-]\d\d:?\d\d)$/i.test(text);
    const day = /^(\d{4}-\d\d-\d\d)([t ]\d\d:\d\d.*)?$/i.exec(text)?.[1];
    if (day && isDay(day))
      ms = Date.parse(text.length === 10 ? text : text.replace(' ', 'T') + (zoned ? '' : 'Z'));
  }
  assertArgument(
    Number.isFinite(ms),
    `Not a point in time: ${typeof point === 'string' ? point : typeof point}. Give ISO-8601 text, a Date or milliseconds.`,
  );
  return ms;
}

/**
 * The LSN whose state is the one at `point`. A transaction is visible as a whole or not at all. `before`: the last state
 * strictly before the point.
 */
export function lsnOf(store: LogStore, point: Point, before = false): number {
  if (point && typeof point === 'object' && !(point instanceof Date)) {
    const lsn = 'transaction' in point ? transactionEnd(store, point.transaction) : point.lsn;
    assertLsn(lsn);
    return before ? lsn - 1 : lsn;
  }
  const ms = timeOf(point);
  let low = (store.segments[0]?.first ?? 1) - 1;
  // Entries of an open transaction may come to nothing.
  let high = store.engine.depth > 0 ? store.head : store.last();
  // Times do not decrease with the LSN, and there are no gaps.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const ts = timeAt(store, middle);
    if (before ? ts < ms : ts <= ms) low = middle;
    else high = middle - 1;
  }
  const [[first] = []] = store.all(
    'SELECT first_lsn FROM _dosql_tx WHERE last_lsn>? ORDER BY last_lsn LIMIT 1',
    low,
  ) as number[][];
  return first !== undefined && first <= low ? first - 1 : low;
}

/** Time of an entry, in milliseconds since the epoch. */
export function timeAt(store: LogStore, lsn: number): number {
  const segment = store.segments.findLast(({ first }) => first <= lsn)?.name ?? '_dosql_log';
  return ((store.all(`SELECT ts FROM ${segment} WHERE lsn=?`, lsn) as number[][])[0] ?? [0])[0] as number;
}

function transactionEnd(store: LogStore, id: string | number): number {
  const [epoch, lsn] =
    typeof id === 'number' ? [store.epoch, id] : typeof id === 'string' ? id.split('.') : [];
  if (epoch === store.epoch && lsn !== undefined) return Number(lsn);
  throw new DosqlError(
    'HISTORY_UNAVAILABLE',
    `Transaction ${String(id)} is not of this log (epoch ${store.epoch}).`,
  );
}

/** The oldest point at which a table (or, without one, the log) can be read. */
export function horizonOf(store: LogStore, table?: TrackedTable): { lsn: number; ts: number } {
  const lsn = Math.max(store.horizon, table?.since ?? store.segments[0]!.first);
  return { lsn, ts: timeAt(store, lsn) };
}

/** @throws HISTORY_UNAVAILABLE, with the horizon, when the table (or, without one, the log) cannot be read at `lsn` */
export function requireHistory(store: LogStore, table: TrackedTable | undefined, lsn: number): void {
  if (table && ELSEWHERE.get(store.engine)?.(foldName(table.name)))
    throw new DosqlError(
      'HISTORY_UNAVAILABLE',
      `Rows of ${table.name} were archived by tiered storage: the log alone does not know its past.`,
      { table: table.name },
    );
  if (table && lsn >= store.horizon && lsn >= table.since) return;
  const horizon = horizonOf(store, table);
  if (lsn >= horizon.lsn) return;
  throw new DosqlError(
    'HISTORY_UNAVAILABLE',
    `The history${table ? ` of ${table.name}` : ''} begins at ${new Date(horizon.ts).toISOString()} (LSN ${horizon.lsn}); the point asked for is before that.`,
    { table: table?.name, horizon },
  );
}
