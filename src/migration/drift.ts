import { DosqlError } from '../errors/index.ts';
import type { LedgerRow } from './ledger.ts';
import type { SourceMigration } from './source.ts';

export type Hashed = SourceMigration & { hash: string };

/**
 * Finds the migration of each ledger row, and fills in the name and hash that another tool left out.
 * @returns the rows, and for each the position of its migration in the source
 * @throws MIGRATION_DRIFT when an applied migration was edited, is missing, or has changed places
 */
export function matchLedger(
  list: readonly Hashed[],
  rows: readonly LedgerRow[],
): { rows: LedgerRow[]; positions: number[]; changed: boolean } {
  let changed = false;
  const positions: number[] = [];
  const matched = rows.map((row) => {
    const { name, hash, created } = row;
    const found = find(list, row);
    if (!found) {
      throw name === null
        ? drift(
            `of ${created}`,
            'was applied by another tool that left no name; pass the journal, which has its time',
          )
        : drift(name, `was applied, but is missing now${hashes(hash, '')}; restore it`);
    }
    if (hash && hash !== found.hash) {
      throw drift(
        found.id,
        `was edited after it was applied${hashes(hash, found.hash)}; restore it and add a new one`,
      );
    }
    positions.push(list.indexOf(found));
    if (name === found.id && hash) return row;
    changed = true;
    return { ...row, name: found.id, hash: found.hash };
  });
  // A row may have a higher id than a later migration's because it was applied out of order, but then it is not younger.
  let last: LedgerRow | undefined;
  for (const migration of list) {
    const row = matched.find(({ name }) => name === migration.id);
    if (!row) continue;
    if (last && last.id > row.id && last.created > row.created) {
      throw drift(
        row.name!,
        `(hash ${row.hash}) was applied before "${last.name}" (hash ${last.hash}), but now stands behind it; restore the order`,
      );
    }
    last = row;
  }
  return { rows: matched, positions, changed };
}

function find(list: readonly Hashed[], row: LedgerRow): Hashed | undefined {
  // drizzle-kit `up` to 1.0 renames folders and cuts their times to seconds.
  const close = list.filter(({ when }) => Math.floor(when! / 1000) === Math.floor(row.created / 1000));
  const sameHash = ({ hash }: Hashed) => hash === row.hash;
  const named = list.find(({ id }) => id === row.name) ?? close.find(sameHash);
  if (named || row.name !== null) return named;
  return (
    list.find(({ when }) => when === row.created) ??
    (close.length === 1 ? close[0] : undefined) ??
    list.find(sameHash)
  );
}

function hashes(ledger: string, source: string): string {
  return ` (hash ${ledger || 'none'}, now ${source || 'none'})`;
}

export function drift(migration: string, what: string): DosqlError {
  return new DosqlError('MIGRATION_DRIFT', `Migration "${migration}" ${what}.`, { migration });
}
