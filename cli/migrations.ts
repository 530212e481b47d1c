import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { DosqlError } from '../src/errors/index.ts';
import { readFolder } from '../src/migration/folder.ts';
import { loadMigrations } from '../src/migration/source.ts';
import type { Migration } from '../src/migration/types.ts';

/**
 * The migrations of a folder on disk, read and checked exactly as a Worker does with those in its bundle.
 * @throws MIGRATIONS_NOT_FOUND, MIGRATION_INVALID
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  if (!existsSync(folder)) throw new DosqlError('MIGRATIONS_NOT_FOUND', `There is no folder "${folder}".`);
  const found = readFolder(
    { existsSync, readdirSync: (path) => readdirSync(path), readFileSync: readText },
    folder,
  ) as Migration[];
  if (found.length === 0) {
    throw new DosqlError(
      'MIGRATIONS_NOT_FOUND',
      `"${folder}" holds no migrations: no NNN_name.sql, no meta/_journal.json, no <timestamp>_name/migration.sql.`,
    );
  }
  await loadMigrations(found);
  return found;
}

/** Text in UTF-8, byte order mark and all. A replaced byte would change the migration and its hash unseen. */
function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new DosqlError('MIGRATION_INVALID', `${path} is not UTF-8 text.`, { cause });
  }
}
