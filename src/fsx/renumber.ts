import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import type { Manifest } from './manifest.ts';
import { qualified, type TierTable } from './table.ts';

/**
 * Before a table is dropped for its rebuilt copy: gives copied rows the rowids that they had, and other rows ones that
 * neither they nor archived rows have. The change log knows rows by them, and archived ones come back with theirs.
 */
export function renumber(manifest: Manifest, old: TierTable, heir: TierTable): void {
  const { rowid, key, columns } = old;
  const names = new Set(heir.columns.map(({ name }) => foldName(name)));
  const keys = key.map((at) => columns[at]!.name);
  // Another key is refused when the copy takes the table's place.
  if (!rowid || !heir.rowid || old.integerKey || keys.some((name) => !names.has(foldName(name)))) return;
  const [from, to] = [qualified(old), qualified(heir)];
  const same = keys.map(quoteIdentifier).map((name) => `o.${name}=n.${name}`);
  const known = `(SELECT o.${rowid} FROM ${from} o WHERE ${same.join(' AND ')})`;
  const wrong = `SELECT 1 FROM ${to} n WHERE n.${heir.rowid} IS NOT ${known} LIMIT 1`;
  if (!manifest.all(wrong).length) return;
  // Beyond all of them first, so that every number that is given is free. As text: it may be more than 2^53.
  const [[shift]] = manifest.all(
    `SELECT CAST(max((SELECT max(${heir.rowid}) FROM ${to}),coalesce((SELECT max(${rowid}) FROM ${from}),0),coalesce((SELECT max(rid_hi) FROM _dosql_tier_seg WHERE tbl=? AND state='active'),0))-min((SELECT min(${heir.rowid}) FROM ${to}),1)+1 AS TEXT)`,
    foldName(old.name),
  ) as [[string]];
  manifest.all(`UPDATE ${to} SET ${heir.rowid}=${heir.rowid}+${shift}`);
  manifest.all(`UPDATE ${to} AS n SET ${heir.rowid}=${known} WHERE ${known} IS NOT NULL`);
}
