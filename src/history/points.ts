import { DosqlError } from '../errors/index.ts';
import { numberParameters } from '../sql/parameters.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { ParameterToken } from '../sql/types.ts';
import { lsnOf, type Point, requireHistory, timeOf } from '../wal/instant.ts';
import type { LogStore } from '../wal/store.ts';
import type { TrackedTable } from '../wal/table.ts';
import type { Clause, ClausePoint } from './clause.ts';

/** The value of a point's expression: literals and parameters as they are, the rest by SQLite, once, before the statement. */
function evaluate(
  store: LogStore,
  sql: string,
  { start, end }: ClausePoint,
  values: readonly unknown[],
): unknown {
  const text = sql.slice(start, end);
  if (/^'[^']*'$/.test(text)) return text.slice(1, -1);
  if (/^\d+$/.test(text)) return Number(text);
  const tokens = tokenize(sql);
  const found: ParameterToken[] = [];
  numberParameters(sql, tokens, 0, tokens.length, found);
  const own = found.filter((parameter) => parameter.start >= start && parameter.end <= end);
  if (own.length === 1 && own[0]!.start === start && own[0]!.end === end) return values[own[0]!.index - 1];
  let expression = '';
  let at = start;
  for (const parameter of own) {
    expression += `${sql.slice(at, parameter.start)}?${parameter.index}`;
    at = parameter.end;
  }
  expression += sql.slice(at, end);
  const most = own.reduce((max, { index }) => Math.max(max, index), 0);
  return store.all(`SELECT ${expression}`, ...values.slice(0, most))[0]![0];
}

/** @throws INVALID_ARGUMENT for a value that is no point */
function pointOf(store: LogStore, sql: string, point: ClausePoint, values: readonly unknown[]): Point {
  const value = evaluate(store, sql, point, values);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    const plain = typeof value === 'bigint' ? Number(value) : value;
    if (point.kind === 'lsn') return { lsn: Number(plain) };
    if (point.kind === 'transaction') return { transaction: plain };
    return plain;
  }
  throw new DosqlError(
    'INVALID_ARGUMENT',
    `FOR SYSTEM_TIME: ${sql.slice(point.start, point.end)} is not a point.`,
    {
      statement: sql,
    },
  );
}

/** True when the range from `a` to `b` holds no instant; `b` itself belongs to it where `closed`. */
function isEmpty(store: LogStore, a: Point, b: Point, closed: boolean): boolean {
  const isTime = (p: Point): p is Date | number | string => typeof p !== 'object' || p instanceof Date;
  const [x, y] = isTime(a) && isTime(b) ? [timeOf(a), timeOf(b)] : [lsnOf(store, a), lsnOf(store, b)];
  return closed ? x > y : x >= y;
}

/**
 * The LSNs of a clause in the order of its parameters: the state itself, or the lower and upper end for the versions.
 * @throws HISTORY_UNAVAILABLE before the horizon
 */
export function boundsOf(
  store: LogStore,
  table: TrackedTable,
  sql: string,
  { form, points }: Clause,
  values: readonly unknown[],
): number[] {
  if (form === 'ALL') return [];
  const [a, b] = points.map((point) => pointOf(store, sql, point, values)) as [Point, Point];
  const from = lsnOf(store, a);
  requireHistory(store, table, from);
  if (form === 'AS OF') return [from];
  if (isEmpty(store, a, b, form !== 'FROM')) return [Infinity, -1];
  return [form === 'CONTAINED IN' ? lsnOf(store, a, true) : from, lsnOf(store, b, form === 'FROM')];
}
