import { quoteIdentifier } from '../sql/identifier.ts';
import type { LogSource } from '../wal/past.ts';
import { columnList, imagesOf, keyColumns, sameKey, type TrackedTable } from '../wal/table.ts';

/**
 * Every version of a table's rows that the log knows, with the LSN of the transaction that began and of the one that ended
 * it, as a sub-select in parentheses; `condition` is on `_dosql_s` (NULL when older than the log) and `_dosql_e`. What began and ended in one transaction was never visible and is left out.
 */
export function versionsOf(log: LogSource, table: TrackedTable, condition: string): string {
  const { columns, id, rowid, collations, key, dropped, name } = table;
  const names = columns.map((column) => column.name);
  const list = columnList(names);
  // Commits, not changes, are the instants of history.
  const commit =
    'coalesce((SELECT CASE WHEN first_lsn<=l.lsn THEN last_lsn END FROM main._dosql_tx WHERE last_lsn>=l.lsn ORDER BY last_lsn LIMIT 1),lsn)';
  const who = collations ? keyColumns(table) : '_dosql_r';
  let versions = `SELECT ${list},lag(_dosql_c) OVER(PARTITION BY ${who} ORDER BY _dosql_l) AS _dosql_s,_dosql_c AS _dosql_e,_dosql_o FROM _dosql_h`;
  if (!dropped) {
    const same = collations ? sameKey(table, 'h') : `b.${rowid}=h._dosql_r`;
    // The first term says how the columns compare: the table's own.
    versions = `SELECT ${columnList(names, 'b.')},h._dosql_c AS _dosql_s,NULL AS _dosql_e,0 AS _dosql_o FROM main.${quoteIdentifier(name)} AS b LEFT JOIN(SELECT ${collations ? columnList(key) : '_dosql_r'},max(_dosql_c) AS _dosql_c FROM _dosql_h GROUP BY ${who})AS h ON ${same} UNION ALL ${versions}`;
  }
  const time = (lsn: string) =>
    `(SELECT strftime('%Y-%m-%dT%H:%M:%fZ',ts/1000.0,'unixepoch') FROM ${log.from} WHERE lsn=${lsn})`;
  return `(WITH _dosql_h AS MATERIALIZED(SELECT lsn AS _dosql_l,op AS _dosql_o,rid AS _dosql_r,${commit} AS _dosql_c,${imagesOf(table)} FROM ${log.from} AS l WHERE t=${id} AND op<>6 AND lsn>${table.since}),_dosql_v AS(${versions}) SELECT ${list},${time('_dosql_s')} AS row_start,${time('_dosql_e')} AS row_end,_dosql_s AS row_start_lsn,_dosql_e AS row_end_lsn FROM _dosql_v WHERE _dosql_o NOT IN(1,5) AND(_dosql_s IS NULL OR _dosql_s IS NOT _dosql_e)${condition})`;
}
