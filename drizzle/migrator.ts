import type { Database } from '../src/engine/database.ts';
import type { MigrationReport, MigrationSource } from '../src/migration/types.ts';

/** A Drizzle database of either entry. */
export interface Migratable {
  readonly $client: Database | Promise<Database>;
}

/**
 * Applies pending migrations: drizzle-kit's `migrations.js` of either shape, or any other source that `DB` takes.
 * @throws MIGRATION_FAILED, MIGRATION_DRIFT, MIGRATION_INVALID, MIGRATIONS_NOT_FOUND
 */
export async function migrate(db: Migratable, migrations: MigrationSource): Promise<MigrationReport> {
  return (await db.$client).migrate(migrations);
}
