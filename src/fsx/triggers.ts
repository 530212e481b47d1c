import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { sqlLiteral } from '../sql/literal.ts';
import type { Manifest } from './manifest.ts';
import { foldedSql, keySql } from './rows.ts';
import type { TierTable } from './table.ts';

/** What an archived file's key range must be for it to be asked about a new key. */
function inRange(table: TierTable, name: string): string {
  const key = foldedSql(table.columns[table.key[0]!]!, 'NEW.');
  return `FROM _dosql_tier_seg s WHERE s.tbl=${sqlLiteral(name)} AND s.state='active' AND s.pk_hi>=${key} AND s.pk_lo<=${key}`;
}

/** CREATE TRIGGER texts by name: new keys bury archived rows, and no key is given a second time. */
export function triggersOf(table: TierTable): Map<string, string> {
  const name = foldName(table.name);
  const range = inRange(table, name);
  const key = keySql(table, 'NEW.');
  // No OR IGNORE: the conflict clause of the user's statement would take its place.
  const body = `INSERT INTO _dosql_tier_tomb SELECT s.id,${key} ${range} AND NOT EXISTS(SELECT 1 FROM _dosql_tier_tomb x WHERE x.seg=s.id AND x.pk=${key});UPDATE _dosql_tier_meta SET version=version+1;`;
  const found = new Map<string, string>();
  const add = (suffix: string, event: string, when: string, action: string) => {
    const trigger = quoteIdentifier(`_dosql_tier_${suffix}_${name}`);
    found.set(
      `_dosql_tier_${suffix}_${name}`,
      `CREATE TRIGGER ${trigger} ${event} ON ${quoteIdentifier(table.name)} WHEN ${when} BEGIN ${action} END`,
    );
  };
  add('i', 'AFTER INSERT', `EXISTS(SELECT 1 ${range})`, body);
  const columns = table.key.map((at) => quoteIdentifier(table.columns[at]!.name));
  add('u', `AFTER UPDATE OF ${columns}`, `EXISTS(SELECT 1 ${range})`, body);
  const { rowid, autoincrement, integerKey } = table;
  if (!rowid || autoincrement) return found;
  const files = `WHERE tbl=${sqlLiteral(name)} AND state='active'`;
  // SQLite: a rowid that is to be chosen is -1 here. It will be one more than the largest in the table.
  const last = `coalesce((SELECT max(${rowid}) FROM ${quoteIdentifier(table.name)}),0)`;
  const next = integerKey ? last : `iif(NEW.${rowid}=-1,${last},NEW.${rowid})`;
  add(
    'r',
    'BEFORE INSERT',
    `${integerKey ? `NEW.${rowid}=-1 AND ` : ''}(SELECT max(rid_hi) FROM _dosql_tier_seg ${files})>=${next}`,
    integerKey
      ? "SELECT RAISE(ABORT,'the newest rows of this tiered table were deleted: the next key would be that of an archived row. Declare the key AUTOINCREMENT or give keys yourself');"
      : // Nobody sees it: rows of these files get others when they come back.
        `UPDATE _dosql_tier_seg SET rid_hi=NULL ${files} AND rid_hi>=${next};`,
  );
  return found;
}

/** Makes the triggers of a table what they should be; `tiered` when it is. To be called inside a transaction. */
export function settleTriggers(manifest: Manifest, name: string, tiered?: TierTable): void {
  const there = new Map(
    manifest.all(
      "SELECT name,sql FROM main.sqlite_master WHERE type='trigger' AND tbl_name=? COLLATE NOCASE AND name LIKE '\\_dosql\\_tier\\_%' ESCAPE '\\'",
      name,
    ) as [string, string][],
  );
  const wanted = tiered ? triggersOf(tiered) : new Map<string, string>();
  for (const [trigger, sql] of there)
    if (wanted.get(trigger) !== sql) manifest.all(`DROP TRIGGER main.${quoteIdentifier(trigger)}`);
  for (const [trigger, sql] of wanted) if (there.get(trigger) !== sql) manifest.all(sql);
}
