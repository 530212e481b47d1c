import type { Engine } from '../engine/engine.ts';
import { OwnTables } from '../engine/own-tables.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { findStore } from './store.ts';
import { columnList, type TrackedTable } from './table.ts';
import { timestamp } from './triggers.ts';

/**
 * Notes rows of a table as they are before they are put away without the log: what happened to them before is told by
 * their images. No event comes of it. `where` restricts the table, which it may call `o`; `value` is bound.
 */
export function logImages(engine: Engine, name: string, where: string, value: string): void {
  // Also for a log that is not open: its triggers go on, and it may be read again.
  const own = new OwnTables(engine);
  const found = own.all('SELECT name FROM pragma_table_xinfo(?)', name).map(([column]) => column);
  for (const [id, meta, from] of mentions(own, name)) {
    const { columns, rowid, collations, dropped } = (JSON.parse(meta) ?? {
      dropped: 1,
    }) as TrackedTable;
    // Renamed or dropped while it was not open: the log cannot say it then, and says so when it is read.
    if (dropped || !columns.every((column) => found.includes(column.name))) continue;
    // Of rows that the log does not mention nobody will ask.
    const known = collations ? '' : ` AND ${rowid} IN(${from})`;
    own.run(
      `INSERT INTO _dosql_log(ts,t,op,${collations ? '' : 'rid,'}${columns.map(({ slot }) => slot)}) SELECT ${timestamp(findStore(engine)?.guarded ?? true)},${id},6,${collations ? '' : `o.${rowid},`}${columnList(
        columns.map((column) => column.name),
        'o.',
      )} FROM main.${quoteIdentifier(name)} AS o WHERE ${where}${known}`,
      value,
    );
  }
}

/** Tables of this name that are or were tracked, also by a log that is not open, and SQL of the rowids in their entries. */
function mentions(own: OwnTables, name: string): (readonly [id: number, meta: string, rowids: string])[] {
  const logs = own.all("SELECT name FROM sqlite_master WHERE type='table' AND name GLOB '_dosql_log*'");
  if (!logs.length) return [];
  const tables = own.all('SELECT t,meta FROM _dosql_tab WHERE name=? COLLATE NOCASE', name);
  return (tables as [number, string][]).map(([id, meta]) => [
    id,
    meta,
    logs.map(([log]) => `SELECT rid FROM ${log} WHERE t=${id}`).join(' UNION ALL '),
  ]);
}

/** Rowids beyond these are nobody's in the log. As text: they may be more than 2^53. */
export function largestRowids(engine: Engine, name: string): string[] {
  const own = new OwnTables(engine);
  return mentions(own, name).map(
    ([, , rowids]) => own.all(`SELECT CAST(coalesce(max(rid),0) AS TEXT) FROM(${rowids})`)[0]![0] as string,
  );
}

/**
 * Rows of a table were lost, and the log does not say so: its history begins now. For a log that is not open as well.
 */
export function beginAnew(engine: Engine, name: string): void {
  const own = new OwnTables(engine);
  if (!own.all("SELECT 1 FROM sqlite_master WHERE name='_dosql_tab'").length) return;
  const [[last]] = own.all('SELECT coalesce(max(lsn),0) FROM _dosql_log') as [[number]];
  own.run(
    "UPDATE _dosql_tab SET meta=json_set(meta,'$.since',CAST(? AS INTEGER)) WHERE name=? COLLATE NOCASE AND meta<>'null'",
    last,
    name,
  );
  const store = findStore(engine);
  for (const table of store?.byId.values() ?? [])
    if (foldName(table.name) === foldName(name)) table.since = last;
  store?.changed();
}
