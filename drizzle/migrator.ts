import type { Database } from '../src/engine/database.ts';
import { DosqlError } from '../src/errors/index.ts';
import type { MigrationReport, MigrationSource } from '../src/migration/types.ts';
import type { DrizzleDosqlDatabase } from './index.ts';
import type { DrizzleSqliteDODatabase } from './sync.ts';

/** A Drizzle database of either entry. */
export interface Migratable {
  readonly $client: Database | Promise<Database>;
}

/**
 * Applies pending migrations: drizzle-kit's `migrations.js` of either shape, or any other source that `DB` takes.
 * Await it before anything else uses the database.
 * @throws MIGRATION_FAILED, MIGRATION_DRIFT, MIGRATION_INVALID, MIGRATIONS_NOT_FOUND
 */
export async function migrate<TSchema extends Record<string, unknown>>(
  db: Migratable | DrizzleDosqlDatabase<TSchema> | DrizzleSqliteDODatabase<TSchema>,
  migrations: MigrationSource,
): Promise<MigrationReport> {
  const client = await (db as Partial<Migratable> | undefined)?.$client;
  if (typeof client?.migrate !== 'function')
    throw new DosqlError('INVALID_ARGUMENT', 'migrate(db, …) needs what drizzle(…) gave, not a transaction.');
  return client.migrate(migrations);
}
