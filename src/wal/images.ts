import type { Engine } from '../engine/engine.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { findStore } from './store.ts';
import { columnList } from './table.ts';
import { timestamp } from './triggers.ts';

/**
 * Notes rows of a table as they are before they are put away without the log: what happened to them before is told by
 * their images. No event comes of it. `where` restricts the table, which it may call `o`; `value` is bound.
 */
export function logImages(engine: Engine, name: string, where: string, value: string): void {
  const store = findStore(engine);
  const table = store?.tables.get(foldName(name));
  if (!store || !table || table.dropped) return;
  const { id, columns, rowid, collations } = table;
  // Of rows that the log does not mention nobody will ask.
  const known = collations ? '' : ` AND ${rowid} IN(SELECT rid FROM ${store.from} WHERE t=${id})`;
  store.run(
    `INSERT INTO _dosql_log(ts,t,op,${collations ? '' : 'rid,'}${columns.map(({ slot }) => slot)}) SELECT ${timestamp(store.guarded)},${id},6,${collations ? '' : `o.${rowid},`}${columnList(
      columns.map((column) => column.name),
      'o.',
    )} FROM main.${quoteIdentifier(table.name)} AS o WHERE ${where}${known}`,
    value,
  );
}
