import { DosqlError } from '../errors/index.ts';
import { byId, fromJournal } from './journal.ts';
import type { Journal, Migration } from './types.ts';

/** The part of node:fs that is read: the Worker's bundle at run time, the disk in the `dosql` command. */
export interface FileSystem {
  existsSync(path: string): boolean;
  readdirSync(path: string): string[];
  readFileSync(path: string, encoding: 'utf8'): string;
}

/**
 * The migrations of a folder: `001_name.sql` files, drizzle-kit 0.3x (`0000_name.sql` and `meta/_journal.json`) or 1.0
 * (`<timestamp>_name/migration.sql`). A file that the journal names and that is missing has no `sql`.
 * @throws MIGRATION_INVALID for a broken journal, and what `fs` throws when the folder does not exist
 */
export function readFolder(fs: FileSystem, folder: string): Partial<Migration>[] {
  const read = (file: string) => {
    const path = `${folder}/${file}`;
    return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : undefined;
  };
  const names = fs.readdirSync(folder);
  const journal = read('meta/_journal.json');
  if (journal) return fromJournal(parseJournal(journal), ({ tag }) => read(`${tag}.sql`));
  const found: Migration[] = [];
  for (const name of names) {
    const flat = name.endsWith('.sql');
    const sql = read(flat ? name : `${name}/migration.sql`);
    if (sql !== undefined) found.push({ id: flat ? name.slice(0, -4) : name, sql });
  }
  return found.sort(byId);
}

function parseJournal(text: string): Journal {
  try {
    const journal = JSON.parse(text);
    if (Array.isArray(journal.entries)) return journal;
  } catch {
    // Reported below.
  }
  throw new DosqlError('MIGRATION_INVALID', 'meta/_journal.json is no journal of drizzle-kit.');
}
