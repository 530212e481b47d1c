import { DosqlError } from '../errors/index.ts';
import type { LedgerRow } from './ledger.ts';
import type { SourceMigration } from './source.ts';

/** A migration with its hash and, once it is known to be applied, its row in the ledger. */
export type Hashed = SourceMigration & { hash: string; row?: LedgerRow };

/**
 * Gives each ledger row to its migration, and fills in the name and hash that another tool left out.
 * @returns whether a row changed
 * @throws MIGRATION_DRIFT when an applied migration was edited, is missing, or has changed places
 */
export function matchLedger(list: readonly Hashed[], rows: readonly LedgerRow[]): boolean {
  let changed = false;
  for (const row of rows) {
    const { name, hash, created_at } = row;
    const found = find(list, row);
    if (!found) {
      throw name
        ? drift(name, `was applied, but is missing now (hash ${hash || 'none'}, now none); restore it`)
        : drift(
            `of ${created_at}`,
            'was applied by another tool that left no name; pass the journal, which has its time',
          );
    }
    if (hash && hash !== found.hash) {
      throw drift(
        found.id,
        `was edited after it was applied (hash ${hash}, now ${found.hash}); restore it and add a new one`,
      );
    }
    found.row ??= row;
    if (name === found.id && hash) continue;
    changed = true;
    row.name = found.id;
    row.hash = found.hash;
  }
  // A row may have a higher id than a later migration's because it was applied out of order, but then it is not younger.
  let last: LedgerRow | undefined;
  for (const { row } of list) {
    if (!row) continue;
    if (last && last.rowid > row.rowid && last.created_at > row.created_at) {
      throw drift(
        row.name!,
        `(hash ${row.hash}) was applied before "${last.name}" (hash ${last.hash}), but now stands behind it; restore the order`,
      );
    }
    last = row;
  }
  return changed;
}

function find(list: readonly Hashed[], { name, hash, created_at }: LedgerRow): Hashed | undefined {
  // drizzle-kit `up` to 1.0 renames folders and cuts their times to seconds.
  const close = list.filter(({ when }) => Math.floor(when! / 1000) === Math.floor(created_at / 1000));
  const sameHash = (migration: Hashed) => migration.hash === hash;
  const named = list.find(({ id }) => id === name) ?? close.find(sameHash);
  if (named || name) return named;
  const exact = list.find(({ when }) => when === created_at);
  return exact ?? (close.length === 1 ? close[0] : list.find(sameHash));
}

export function drift(migration: string, what: string): DosqlError {
  return new DosqlError('MIGRATION_DRIFT', `Migration "${migration}" ${what}.`, { migration });
}
