import { type DrizzleConfig, entityKind } from 'drizzle-orm';
import { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core';
import type { Database } from '../src/engine/database.ts';
import { attach, entryPoints } from './attach.ts';
import { type Client, databaseOf } from './connection.ts';
import type { DrizzleRunResult } from './result.ts';
import { optionsOf } from './session.ts';
import { SyncSession } from './sync-session.ts';

export type { Client } from './connection.ts';
export type { DrizzleRunResult } from './result.ts';
export {
  SyncQuery as SQLiteDOPreparedQuery,
  SyncSession as SQLiteDOSession,
  SyncTransaction as SQLiteDOTransaction,
} from './sync-session.ts';

/** A Drizzle database on the SQLite of a Durable Object, without promises: the shape of `drizzle-orm/durable-sqlite`. */
export class DrizzleSqliteDODatabase<
  TSchema extends Record<string, unknown> = Record<string, never>,
> extends BaseSQLiteDatabase<'sync', DrizzleRunResult, TSchema> {
  static {
    Object.assign(DrizzleSqliteDODatabase.prototype, entryPoints);
  }

  static override readonly [entityKind]: string = 'DrizzleSqliteDODatabase';

  /** @internal Use `drizzle(client, config)`. */
  constructor(session: SyncSession) {
    super('sync', session.options.dialect, session as never, undefined);
    attach(this, session);
  }
}

/**
 * A Drizzle database on `ctx.storage` or on a Database: a drop-in for `drizzle-orm/durable-sqlite`.
 * @throws INVALID_ARGUMENT
 */
export function drizzle<
  TSchema extends Record<string, unknown> = Record<string, never>,
  TClient extends Client = Client,
>(
  client: TClient,
  config: DrizzleConfig<TSchema> = {},
): DrizzleSqliteDODatabase<TSchema> & { $client: TClient extends Database ? TClient : Database } {
  const $client = databaseOf(client);
  const session = new SyncSession(optionsOf('sync', config), $client);
  return Object.assign(new DrizzleSqliteDODatabase<TSchema>(session), { $client }) as never;
}
