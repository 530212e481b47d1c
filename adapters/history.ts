import type { Column } from 'drizzle-orm/column';
import { is } from 'drizzle-orm/entity';
import { SelectionProxyHandler } from 'drizzle-orm/selection-proxy';
import { type SQL, sql } from 'drizzle-orm/sql/sql';
import {
  customType,
  integer,
  SQLiteTable,
  type SubqueryWithSelection,
  sqliteTable,
} from 'drizzle-orm/sqlite-core';
import { Subquery } from 'drizzle-orm/subquery';
import { getTableName, Table } from 'drizzle-orm/table';
import { getTableColumns } from 'drizzle-orm/utils';
import type { AsyncSession } from '../drizzle/async-session.ts';
import { Connection } from '../drizzle/connection.ts';
import type { Database } from '../src/engine/database.ts';
import type { Row } from '../src/engine/values.ts';
import { DosqlError } from '../src/errors/index.ts';
import type { TimeTravelApi } from '../src/history/index.ts';
import type { Point } from '../src/wal/instant.ts';
import type { KeyOf, Selected } from './change.ts';
import { type AnyDatabase, rootSessionOf } from './session.ts';
import { TableRows } from './table-rows.ts';

export type { Point } from '../src/wal/instant.ts';

/** What reads of a Drizzle database, of either kind. */
export type PastOf<Db extends AnyDatabase> = Pick<
  Db,
  'select' | 'selectDistinct' | 'query' | '$with' | 'with' | '$count' | 'all' | 'get' | 'values'
>;

/** A table as it was, for `from` and joins. */
export type PastTable<T extends SQLiteTable> = SubqueryWithSelection<T['_']['columns'], T['_']['name']>;

/** As the clause gives it: ISO-8601 text in UTC with milliseconds, so that comparing texts compares times. */
const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => 'text',
  fromDriver: (text) => new Date(text),
  toDriver: (date) => date.toISOString(),
});

/** When a version was the row's: start null: since before the log began; end null: still. */
const span = getTableColumns(
  sqliteTable('', {
    rowStart: instant('row_start'),
    rowEnd: instant('row_end'),
    rowStartLsn: integer('row_start_lsn'),
    rowEndLsn: integer('row_end_lsn'),
  }),
);

/** The versions of a table's rows, for `from` and joins. */
export type VersionsTable<T extends SQLiteTable> = SubqueryWithSelection<
  T['_']['columns'] & typeof span,
  T['_']['name']
>;

/** What became of one row between two points. */
export type Difference<T extends SQLiteTable> = { key: KeyOf<T> } & (
  | { op: 'insert'; before: null; after: Selected<T> }
  | { op: 'update'; before: Selected<T>; after: Selected<T> }
  | { op: 'delete'; before: Selected<T>; after: null }
);

/**
 * A table as it was at a point, for `from` and joins of any database of `drizzle(…)`, transactions included: typed and
 * decoded as the table. To join it with its own present, give it another name first: `asOf(alias(users, 'before'), point)`.
 */
export function asOf<T extends SQLiteTable>(table: T, point: Point): PastTable<T>;
/**
 * The whole database as it was at a point: the same schema and relational queries, every table at one moment, read-only.
 * @throws HISTORY_UNAVAILABLE with the horizon (of a database that opens later, at the first query), FEATURE_NOT_ENABLED;
 * on use TABLE_NOT_TRACKED, READ_ONLY
 */
export function asOf<Db extends AnyDatabase>(db: Db, point: Point): PastOf<Db>;
export function asOf(source: SQLiteTable | AnyDatabase, point: Point): unknown {
  if (is(source, SQLiteTable)) return pastSource(source, sql`as of ${at(point)}`, {});
  const session = rootSessionOf(source);
  const past = (database: Database) =>
    historyOf(database).asOf(point, { integers: database.settings.integers });
  const { handle, options } = session;
  const client = handle
    ? past(handle as Database)
    : async () => past(await ((session as AsyncSession).connection as Connection).open());
  // Rows of the past must not be taken for present ones.
  const connection = new Connection(client as unknown as Database);
  const pastSession = make(session, { ...options, cache: undefined }, connection.handle, connection);
  return make(source, pastSession);
}

/**
 * Every version of a table's rows that was valid at some moment from `from` to `to` (both included; default: all the log
 * knows), with `rowStart` and `rowEnd`, for `from` and joins.
 */
export function versions<T extends SQLiteTable>(table: T, from: Point, to: Point): VersionsTable<T>;
export function versions<T extends SQLiteTable>(table: T): VersionsTable<T>;
export function versions(table: SQLiteTable, from?: Point, to?: Point): unknown {
  const range = from === undefined || to === undefined ? sql`all` : sql`between ${at(from)} and ${at(to)}`;
  return pastSource(table, range, span);
}

/**
 * The net changes of a table from one point to another, decoded as in a select.
 * @throws HISTORY_UNAVAILABLE with the horizon, TABLE_NOT_TRACKED, FEATURE_NOT_ENABLED, NO_SUCH_COLUMN
 */
export async function diff<T extends SQLiteTable>(
  db: AnyDatabase,
  table: T,
  from: Point,
  to: Point,
): Promise<Difference<T>[]> {
  const session = rootSessionOf(db);
  const database = (session.handle ?? (await (session as AsyncSession).open())) as Database;
  const found = await historyOf(database).diff(getTableName(table), from, to, { integers: 'bigint' });
  const rows = new TableRows(table, session);
  const decoded = new Map<Row, unknown>();
  const stored = found.flatMap(({ before, after }) => [before, after]).filter((row) => row !== null);
  rows.decode(stored).forEach((row, i) => void decoded.set(stored[i]!, row));
  return found.map(({ key, op, before, after }) => ({
    key: rows.decodePart(key),
    op,
    before: before && decoded.get(before),
    after: after && decoded.get(after),
  })) as unknown as Difference<T>[];
}

/** @throws FEATURE_NOT_ENABLED */
function historyOf(database: Database): TimeTravelApi {
  if ('asOf' in database) return database as Database & TimeTravelApi;
  throw new DosqlError(
    'FEATURE_NOT_ENABLED',
    "The past needs drizzle(…) on a DB(name, { extensions: [changeLog(…), timeTravel()] }): import them from '@dotdo/dosql/wal' and '@dotdo/dosql/history'.",
  );
}

/** Another object of the same class, so that one adapter serves both kinds of driver and bundles neither. */
function make<T extends object>(like: T, ...args: unknown[]): T {
  return new (like.constructor as new (...args: unknown[]) => T)(...args);
}

/** `(select * from "table" for system_time …) "table"`, with the columns of the table and more. */
function pastSource(table: SQLiteTable, range: SQL, more: Record<string, Column>): Subquery {
  const alias = getTableName(table);
  const { OriginalName } = (Table as unknown as { Symbol: { OriginalName: symbol } }).Symbol;
  const name = (table as unknown as Record<symbol, string>)[OriginalName]!;
  const text = sql`select * from ${sql.identifier(name)} for system_time ${range}`;
  const source = new Subquery(text, { ...getTableColumns(table), ...more }, alias, false, [name]);
  return new Proxy(
    source,
    new SelectionProxyHandler({
      alias,
      sqlAliasedBehavior: 'alias',
      sqlBehavior: 'error',
    }) as ProxyHandler<Subquery>,
  );
}

/** A point in a clause. */
function at(point: Point): SQL {
  if (typeof point !== 'object' || point instanceof Date) return sql`${point}`;
  return 'lsn' in point ? sql`lsn ${point.lsn}` : sql`transaction ${point.transaction}`;
}
