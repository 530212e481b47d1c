import { DosqlError } from '../errors/index.ts';
import { readFolder } from './folder.ts';
import { byId, fromJournal } from './journal.ts';
import type { Migration, MigrationSource } from './types.ts';

/** A {@link Migration} in the one shape that the ledger works with. */
export type SourceMigration = Omit<Migration, 'when'> & { when: number | undefined };

/** The migrations of a source, in order. @throws MIGRATION_INVALID, MIGRATIONS_NOT_FOUND */
export async function loadMigrations(source: MigrationSource): Promise<SourceMigration[]> {
  const { folder, journal, migrations } = Object(source);
  const list: unknown = Array.isArray(source)
    ? source
    : typeof folder === 'string'
      ? await readBundle(folder)
      : Array.isArray(journal?.entries) && migrations
        ? fromJournal(journal, ({ idx }) => migrations[`m${String(idx).padStart(4, '0')}`])
        : Array.isArray(migrations)
          ? migrations
          : migrations && typeof migrations === 'object' && !('m0000' in migrations)
            ? Object.keys(migrations)
                .map((id) => ({ id, sql: migrations[id] }))
                .sort(byId)
            : undefined;
  if (!Array.isArray(list)) {
    throw invalid(
      'Migrations must be { folder }, { journal, migrations } or { migrations } of drizzle-kit, or an array of { id, sql }.',
    );
  }
  const ids = new Set<string>();
  return list.map((migration: Partial<Migration> | undefined) => {
    const { id, sql, when = timeOf(id) } = Object(migration);
    if (!id || typeof id !== 'string') throw invalid('A migration has no id.');
    if (typeof sql !== 'string') {
      throw invalid(
        `The SQL of migration "${id}" is ${typeof sql}, not text. Is its file there, and bundled as text?`,
        id,
      );
    }
    if (ids.has(id)) throw invalid(`Two migrations have the id "${id}".`, id);
    ids.add(id);
    return { id, sql, when };
  });
}

/** The time that drizzle-kit 1.0 puts in front of a name, in milliseconds since the epoch. */
function timeOf(id: unknown): number | undefined {
  const [y, m, d, h, min, s] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(String(id))?.slice(1).map(Number) ?? [];
  return y === undefined ? y : Date.UTC(y, m! - 1, d, h, min, s);
}

/** workerd: `/bundle` holds one file per module of the Worker, where node:fs is there at all. */
async function readBundle(folder: string): Promise<Partial<Migration>[]> {
  const path = folder.replace(/^(\.?\/)+|\/+$/g, '');
  let cause: unknown;
  try {
    // A static import would keep Workers without nodejs_compat from starting.
    const specifier = 'node:fs';
    const found = readFolder(await import(/* @vite-ignore */ specifier), `/bundle/${path}`);
    if (found.length > 0) return found;
  } catch (error) {
    if (error instanceof DosqlError) throw error;
    cause = error;
  }
  throw new DosqlError(
    'MIGRATIONS_NOT_FOUND',
    `The Worker's bundle holds no migrations in "${path}". Run \`npx dosql bundle ${path} --out src/migrations.ts\` and pass its \`migrations\`, or put this into wrangler.toml:
compatibility_date = "2026-01-01"
compatibility_flags = ["nodejs_compat"]
find_additional_modules = true
base_dir = "."
rules = [
  { type = "Text", globs = ["${path}/**/*.sql", "${path}/meta/_journal.json"], fallthrough = false },
  { type = "CompiledWasm", globs = [], fallthrough = false },
  { type = "Data", globs = [], fallthrough = false },
]`,
    { cause },
  );
}

function invalid(message: string, migration?: string): DosqlError {
  return new DosqlError('MIGRATION_INVALID', message, { migration });
}
