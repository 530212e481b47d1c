import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import type { LogStore } from './store.ts';
import { columnList, type Description, describeTable, type TrackedTable } from './table.ts';
import { timestamp } from './triggers.ts';

/** An entry for each row of `from`, which calls the row `row`. */
function logRows(store: LogStore, table: TrackedTable, op: number, row: string, from: string): void {
  const { id, columns, collations, key, rowid } = table;
  const kept = op === 1 ? columns.filter(({ name }) => collations && key.includes(name)) : columns;
  const slots = [...(collations ? [] : ['rid']), ...kept.map(({ slot }) => slot)].join();
  const values = [
    ...(collations ? [] : [`${row}.${rowid}`]),
    ...kept.map(({ name }) => columnList([name], `${row}.`)),
  ];
  store.run(
    `INSERT INTO _dosql_log(ts,t,op,${slots}) SELECT ${timestamp(store.guarded)},${id},${op},${values} FROM ${from}`,
  );
}

/**
 * Before DROP TABLE, which fires no delete triggers: logs the loss of every row. When a table `__new_<name>` is there to
 * take its place (how drizzle-kit and SQLite's manual alter tables), only what differs between the two is logged.
 */
export function logDrop(store: LogStore, table: TrackedTable, live: readonly { name: string }[]): void {
  const old = `main.${quoteIdentifier(table.name)}`;
  const heir = live.find(({ name }) => foldName(name) === foldName(`__new_${table.name}`));
  const successor = heir && describeTable(store.engine.sql, heir.name);
  if (!successor || !sameIdentity(successor, table)) {
    logLoss(store, table, table.name);
    return;
  }
  const other = `main.${quoteIdentifier(heir.name)}`;
  const equal = (name: string, operator: string, collation = 'BINARY') =>
    `n.${quoteIdentifier(name)} ${operator} o.${quoteIdentifier(name)} COLLATE ${collation}`;
  // A copy gives its rows rowids of its own: what has another key is another row, whatever its rowid.
  const same = table.collations
    ? table.key.map((name, i) => equal(name, '=', table.collations![i])).join(' AND ')
    : [
        `n.${successor.rowid}=o.${table.rowid}`,
        ...(table.integerKey ? [] : table.key.map((name) => equal(name, 'IS'))),
      ].join(' AND ');
  const names = new Set(successor.columns.map(({ name }) => foldName(name)));
  const common = table.columns.map(({ name }) => name).filter((name) => names.has(foldName(name)));
  // The plus takes a column's affinity away, by which '007' equals what a column of another type made of it.
  const exactly = (row: string) =>
    common.map((name) => `${columnList([name], `+${row}.`)} COLLATE BINARY`).join();
  // Keys become free before other rows take them.
  logRows(store, table, 3, 'o', `${old} AS o WHERE NOT EXISTS(SELECT 1 FROM ${other} AS n WHERE ${same})`);
  logRows(
    store,
    table,
    2,
    'o',
    `${old} AS o JOIN ${other} AS n ON ${same} WHERE (${exactly('o')}) IS NOT (${exactly('n')})`,
  );
  logRows(
    store,
    { ...table, rowid: successor.rowid },
    1,
    'n',
    `${other} AS n WHERE NOT EXISTS(SELECT 1 FROM ${old} AS o WHERE ${same})`,
  );
  table.heir = foldName(heir.name);
}

/** Rows of both are told apart in the log by the same key, kept in the same slots, or by rowid and named by the same key. */
export function sameIdentity(a: Description, b: TrackedTable): boolean {
  const rowidOnly = a.integerKey && b.integerKey;
  const kinds = new Map(b.columns.map(({ name, slot }) => [foldName(name), slot[0]]));
  const isKey = new Set(a.key);
  return (
    String(a.collations) === String(b.collations) &&
    (rowidOnly || String(a.key.map(foldName)) === String(b.key.map(foldName))) &&
    (!a.collations ||
      a.columns.every(({ name, kind }) => !isKey.has(name) || kinds.get(foldName(name)) === kind))
  );
}

/** The rows of a table, which is called `name` now, are not those of the logged one any more. */
export function logLoss(store: LogStore, table: TrackedTable, name: string): void {
  logRows(store, table, 3, 'o', `main.${quoteIdentifier(name)} AS o`);
}

/** A table of a dropped one's name came with rows of its own. */
export function logReturn(store: LogStore, table: TrackedTable): void {
  logRows(store, table, 1, 'n', `main.${quoteIdentifier(table.name)} AS n`);
}
