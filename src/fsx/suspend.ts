import { quoteIdentifier } from '../sql/identifier.ts';
import type { Manifest } from './manifest.ts';

/**
 * Runs `work` without the triggers of a table: that a row moves is no event for the application, nor for the change log.
 * To be called inside a transaction.
 */
export function withoutTriggers<T>(manifest: Manifest, table: string, work: () => T): T {
  const triggers = manifest.all(
    "SELECT name,sql FROM main.sqlite_master WHERE type='trigger' AND tbl_name=? COLLATE NOCASE ORDER BY rowid",
    table,
  ) as [string, string][];
  for (const [name] of triggers) manifest.all(`DROP TRIGGER main.${quoteIdentifier(name)}`);
  const result = work();
  // In their old order: SQLite runs the newest first.
  for (const [, sql] of triggers) manifest.all(sql);
  return result;
}
