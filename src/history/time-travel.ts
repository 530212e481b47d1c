import type { Extension } from '../engine/extension.ts';
import type { IntegerMode } from '../engine/integers.ts';
import { rowFactory } from '../engine/rows.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { encodeValue, type Row, type SqlValue, type SqlValueInput } from '../engine/values.ts';
import { BoundedCache, textWeight } from '../sql/cache.ts';
import { quoteIdentifier } from '../sql/identifier.ts';
import { trackedTable } from '../wal/api.ts';
import { assertArgument, assertIntegers } from '../wal/argument.ts';
import { lsnOf, type Point, requireHistory } from '../wal/instant.ts';
import { storeOf } from '../wal/store.ts';
import { hasClause } from './clause.ts';
import { differences, type RowDifference } from './diff.ts';
import { PastDatabase, type PastTexts, pastRewrite } from './past.ts';

/** Which versions of rows: those alive in a range, those that began and ended in it, or all (default). */
export type VersionRange =
  | 'all'
  | { readonly from: Point; readonly to: Point }
  | { readonly between: readonly [Point, Point] }
  | { readonly containedIn: readonly [Point, Point] };

/** When a version was the row's: ISO-8601 UTC; start null: before the log began; end null: still. */
export interface VersionSpan {
  row_start: string | null;
  row_end: string | null;
  row_start_lsn: number | null;
  row_end_lsn: number | null;
}

export interface HistoryOptions {
  /** How integers beyond ±(2^53-1) arrive; default `'bigint'`, for `asOf` `'throw'`. */
  integers?: IntegerMode;
}

export interface VersionOptions extends HistoryOptions {
  /** Only versions in which these columns had these values. */
  where?: Readonly<Record<string, SqlValueInput>>;
}

/** What {@link timeTravel} adds to a Database. */
export interface TimeTravelApi {
  /**
   * The whole database at a point, read-only: every table that a statement names is read as it was, views included.
   * @throws HISTORY_UNAVAILABLE with the horizon; on use TABLE_NOT_TRACKED, READ_ONLY
   */
  asOf(point: Point, options?: HistoryOptions): PastDatabase;
  /** Versions of a table's rows, the oldest first, with when they were valid. @throws HISTORY_UNAVAILABLE, TABLE_NOT_TRACKED */
  versions<T = Row>(
    table: string,
    range?: VersionRange,
    options?: VersionOptions,
  ): Promise<(T & VersionSpan)[]>;
  /** Net changes of a table between two points. @throws HISTORY_UNAVAILABLE, TABLE_NOT_TRACKED */
  diff(table: string, from: Point, to: Point, options?: HistoryOptions): Promise<RowDifference[]>;
}

/**
 * `FOR SYSTEM_TIME` behind the name of any tracked table, `db.asOf`, `db.versions` and `db.diff`. Needs `changeLog(…)`
 * before it in the list of extensions.
 */
export function timeTravel(): Extension<TimeTravelApi> {
  return {
    name: 'history',
    install({ engine, onPlan }) {
      const store = storeOf(engine);
      const texts: PastTexts = new BoundedCache(256, textWeight);
      onPlan(({ sql }) => (hasClause(sql) ? pastRewrite(store, sql) : undefined));
      const turn = <T>(work: () => T) => enter(new RootScope(engine), work);
      return {
        asOf(point, options) {
          const { integers = 'throw' } = options ?? {};
          assertIntegers(integers);
          const lsn = lsnOf(store, point);
          requireHistory(store, undefined, lsn);
          return new PastDatabase(store, lsn, texts, { integers });
        },
        versions: <T>(table: string, range: VersionRange = 'all', options?: VersionOptions) =>
          turn(() => {
            const { integers = 'bigint', where } = options ?? {};
            assertIntegers(integers);
            const { name } = trackedTable(store, table);
            const values: SqlValue[] = [];
            const clause = clauseOf(range, values);
            const conditions = Object.entries(where ?? {}).map(([column, value]) => {
              values.push(encodeValue(value, column));
              // Qualified, because SQLite takes an unknown name in double quotes for a string.
              return `v.${quoteIdentifier(column)} IS ?`;
            });
            const sql = `SELECT * FROM ${quoteIdentifier(name)} FOR SYSTEM_TIME ${clause} AS v WHERE ${conditions.join(' AND ') || '1'} ORDER BY coalesce(row_start_lsn,0),row_end_lsn`;
            const rows = engine.all(engine.plan(sql), values, integers);
            const make = rowFactory(engine.names);
            return rows.map((row) => make(row) as T & VersionSpan);
          }),
        diff: (table, from, to, options) =>
          turn(() => {
            const { integers = 'bigint' } = options ?? {};
            assertIntegers(integers);
            return differences(
              store,
              trackedTable(store, table),
              lsnOf(store, from),
              lsnOf(store, to),
              integers,
            );
          }),
      };
    },
  };
}

function clauseOf(range: VersionRange, values: SqlValue[]): string {
  if (range === 'all') return 'ALL';
  const { from, to, between, containedIn } = Object(range) as Record<string, Point>;
  const ends = between ?? containedIn ?? [from, to];
  assertArgument(Array.isArray(ends), '`between` and `containedIn` take two points.');
  const [a, b] = (ends as Point[]).map((p) => {
    const exact = p && typeof p === 'object' && !(p instanceof Date);
    const kind = !exact ? '' : 'lsn' in p ? 'LSN ' : 'TRANSACTION ';
    values.push(encodeValue(!exact ? p : 'lsn' in p ? p.lsn : p.transaction, 'point'));
    return `${kind}?`;
  });
  if (between) return `BETWEEN ${a} AND ${b}`;
  return containedIn ? `CONTAINED IN (${a}, ${b})` : `FROM ${a} TO ${b}`;
}
