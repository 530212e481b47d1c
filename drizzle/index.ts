import { type DrizzleConfig, entityKind } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import {
  BaseSQLiteDatabase,
  type PreparedQueryConfig,
  type SQLitePreparedQuery,
} from 'drizzle-orm/sqlite-core';
import type { Database } from '../src/engine/database.ts';
import { AsyncSession, type Batchable } from './async-session.ts';
import { attach, entryPoints } from './attach.ts';
import { type Client, Connection, type LazyClient } from './connection.ts';
import type { DrizzleRunResult } from './result.ts';
import { optionsOf } from './session.ts';

export { AsyncTransaction as DrizzleDosqlTransaction } from './async-session.ts';
export type { Client, LazyClient } from './connection.ts';
export type { DrizzleRunResult } from './result.ts';

type Prepared<T extends PreparedQueryConfig = PreparedQueryConfig> = SQLitePreparedQuery<
  T & { type: 'async' }
>;

/** One query of a batch: built, prepared, or prepared with the values of its placeholders. */
export type BatchQuery =
  | BatchItem<'sqlite'>
  | Prepared
  | readonly [query: Prepared, placeholders: Record<string, unknown>];

/** What each query of a batch answers. */
export type BatchResults<T extends readonly BatchQuery[]> = {
  -readonly [K in keyof T]: T[K] extends BatchItem<'sqlite'>
    ? T[K]['_']['result']
    : T[K] extends Prepared<infer P> | readonly [Prepared<infer P>, unknown]
      ? P['execute']
      : never;
};

/** A Drizzle database on the SQLite of a Durable Object; every call answers with a promise. */
export class DrizzleDosqlDatabase<
  TSchema extends Record<string, unknown> = Record<string, never>,
> extends BaseSQLiteDatabase<'async', DrizzleRunResult, TSchema> {
  static {
    Object.assign(DrizzleDosqlDatabase.prototype, entryPoints);
  }

  static override readonly [entityKind]: string = 'DrizzleDosqlDatabase';
  readonly #session: AsyncSession;

  /** @internal Use `drizzle(client, config)`. */
  constructor(session: AsyncSession) {
    super('async', session.options.dialect, session as never, undefined);
    attach(this, session);
    this.#session = session;
  }

  /**
   * Runs queries in order, in one synchronous transaction: all or none. The cheap way to be atomic: a `transaction`
   * across awaits costs about 13 times as much. Prepared queries of this database with placeholders come as
   * `[prepared, { name: value }]`.
   * @throws DrizzleQueryError of the query that failed, INVALID_ARGUMENT for a prepared query of something else
   */
  batch<const T extends readonly [BatchQuery, ...BatchQuery[]]>(queries: T): Promise<BatchResults<T>> {
    return this.#session.batch(queries as unknown as Batchable[]) as Promise<BatchResults<T>>;
  }
}

/** What `$client` is: the Database, or a promise of it where it is opened on first use. */
export type ClientOf<TClient> = TClient extends LazyClient
  ? Promise<TClient extends () => Promise<infer D> ? D : Awaited<TClient>>
  : TClient extends Database
    ? TClient
    : Database;

/**
 * A Drizzle database on a Database, on `ctx.storage`, or on what gives a Database later: `drizzle(() => DB('tenant',
 * { … }), { schema })` opens on first use, and again when that failed.
 * @throws INVALID_ARGUMENT
 */
export function drizzle<
  TSchema extends Record<string, unknown> = Record<string, never>,
  TClient extends Client | LazyClient = Client,
>(
  client: TClient,
  config: DrizzleConfig<TSchema> = {},
): DrizzleDosqlDatabase<TSchema> & { $client: ClientOf<TClient> } {
  const connection = new Connection(client);
  const options = optionsOf('async', config);
  const db = new DrizzleDosqlDatabase<TSchema>(new AsyncSession(options, connection.handle, connection));
  const { cache } = options;
  if (cache) db.$cache = Object.assign(cache, { invalidate: cache.onMutate });
  Object.defineProperty(db, '$client', {
    enumerable: true,
    get: () => connection.handle ?? connection.open(),
  });
  return db as never;
}
