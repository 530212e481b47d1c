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
    const found = find(list, row);
    if (!found) {
      throw drift(
        row.name ?? `(unnamed, created_at ${row.created})`,
        'was applied, but the source does not have it',
        row.hash,
        '',
      );
    }
    if (row.hash && row.hash !== found.hash)
      throw drift(found.id, 'was edited after it was applied', row.hash, found.hash);
    positions.push(list.indexOf(found));
    if (row.name === found.id && row.hash) return row;
    changed = true;
    return { ...row, name: found.id, hash: found.hash };
  });
  // A row may have a higher id than a later migration's because it was applied out of order, but then it is not younger.
  const sorted = matched.map((_, i) => i).sort((a, b) => positions[a]! - positions[b]!);
  for (let i = 1; i < sorted.length; i++) {
    const before = matched[sorted[i - 1]!]!;
    const after = matched[sorted[i]!]!;
    if (before.id > after.id && before.created > after.created) {
      throw drift(
        before.name!,
        `was applied after "${after.name}", but the source has it before`,
        before.hash,
        after.hash,
      );
    }
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

/** `ledger` and `source` are hashes; '' when there is none. */
export function drift(migration: string, what: string, ledger: string, source: string): DosqlError {
  return new DosqlError(
    'MIGRATION_DRIFT',
    `Migration "${migration}" ${what} (hash in the ledger: ${ledger || 'none'}, in the source: ${source || 'none'}). Restore it, and put the change into a new migration.`,
    { migration },
  );
}
