import type { SqlValue } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import type { ParameterToken } from '../sql/types.ts';
import { lsnOf, type Point, requireHistory, timeOf } from '../wal/instant.ts';
import type { LogStore } from '../wal/store.ts';
import type { TrackedTable } from '../wal/table.ts';
import type { Clause, ClausePoint } from './clause.ts';

/** A statement with clauses, and its parameters. */
export interface Source {
  readonly sql: string;
  readonly marks: readonly ParameterToken[];
}

/** Literals and parameters as they are, other expressions by SQLite, once, before the statement. @throws INVALID_ARGUMENT */
function pointOf(
  store: LogStore,
  { sql, marks }: Source,
  point: ClausePoint,
  values: readonly unknown[],
): Point {
  const { kind, start, end } = point;
  const text = sql.slice(start, end);
  let value: unknown = text;
  if (/^'[^']*'$/.test(text)) value = text.slice(1, -1);
  else if (!/^\d+$/.test(text)) {
    let expression = '';
    let at = start;
    let most = 0;
    for (const mark of marks) {
      if (mark.start < start || mark.end > end) continue;
      if (mark.end - mark.start === end - start) value = values[mark.index - 1];
      expression += `${sql.slice(at, mark.start)}?${mark.index}`;
      at = mark.end;
      most = Math.max(most, mark.index);
    }
    if (value === text) {
      const { engine } = store;
      const plan = engine.bare(`SELECT ${expression}${sql.slice(at, end)}`);
      value = engine.all(plan, values.slice(0, most) as SqlValue[], 'number')[0]![0];
    }
  } else value = Number(text);
  if (typeof value === 'bigint') value = Number(value);
  if (typeof value === 'string' || typeof value === 'number')
    return kind === 'lsn' ? { lsn: Number(value) } : kind === 'time' ? value : { transaction: value };
  throw new DosqlError('INVALID_ARGUMENT', `FOR SYSTEM_TIME: ${text} is not a point.`, { statement: sql });
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
  source: Source,
  { form, points }: Clause,
  values: readonly unknown[],
): number[] {
  if (form === 'ALL') return [];
  const [a, b] = points.map((point) => pointOf(store, source, point, values)) as [Point, Point];
  const from = lsnOf(store, a);
  requireHistory(store, table, from);
  if (form === 'AS') return [from];
  if (isEmpty(store, a, b, form !== 'FROM')) return [Infinity, -1];
  return [form === 'CONTAINED' ? lsnOf(store, a, true) : from, lsnOf(store, b, form === 'FROM')];
}
