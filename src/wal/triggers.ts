import { quoteIdentifier } from '../sql/identifier.ts';
import { columnList, type TrackedTable } from './table.ts';

/** Milliseconds since the epoch; SQLite's clock stands still within one statement. */
const NOW = "CAST(unixepoch('subsec')*1000+.5 AS INTEGER)";
/** For a clock that was seen behind the log's last entry. */
const NOT_BEFORE = `max(${NOW},coalesce((SELECT ts FROM _dosql_log ORDER BY lsn DESC LIMIT 1),0))`;

/** SQL of a new entry's time. */
export function timestamp(guarded: boolean): string {
  return guarded ? NOT_BEFORE : NOW;
}

/** Names of a table's capture triggers. */
export function triggerNames({ id }: TrackedTable): string[] {
  return ['i', 'u', 'd'].map((event) => `_dosql_${id}${event}`);
}

/** Texts by the columns of their table, which are others after every change of it: of 500 tables they take milliseconds. */
const TEXTS = new WeakMap<object, { name: string; guarded: boolean; texts: string[] }>();

/** CREATE TRIGGER texts: an entry per changed row, with the row as it was. */
export function triggerTexts(table: TrackedTable, guarded: boolean): readonly string[] {
  const { name, columns } = table;
  let known = TEXTS.get(columns);
  if (known?.name !== name || known.guarded !== guarded) {
    known = { name, guarded, texts: makeTexts(table, guarded) };
    TEXTS.set(columns, known);
  }
  return known.texts;
}

function makeTexts(table: TrackedTable, guarded: boolean): string[] {
  const { id, columns, collations, key } = table;
  const now = timestamp(guarded);
  const names = columns.map(({ name }) => name);
  const keySlots = key.map((name) => columns.find((column) => column.name === name)!.slot);
  const all = columns.map(({ slot }) => slot).join();
  const [i, u, d] = triggerNames(table);
  const make = (trigger: string, event: string, body: string) =>
    `CREATE TRIGGER ${trigger} AFTER ${event} ON ${quoteIdentifier(table.name)} BEGIN ${body} END`;
  if (!collations) {
    const { rowid } = table;
    const image = (op: string) =>
      `INSERT INTO _dosql_log(ts,t,op,rid,${all}) VALUES(${now},${id},${op},OLD.${rowid},${columnList(names, 'OLD.')});`;
    const moved = `OLD.${rowid}<>NEW.${rowid}`;
    return [
      make(i!, 'INSERT', `INSERT INTO _dosql_log(ts,t,op,rid) VALUES(${now},${id},1,NEW.${rowid});`),
      make(
        u!,
        'UPDATE',
        `${image(`CASE WHEN ${moved} THEN 4 ELSE 2 END`)} INSERT INTO _dosql_log(ts,t,op,rid) SELECT ${now},${id},5,NEW.${rowid} WHERE ${moved};`,
      ),
      make(d!, 'DELETE', image('3')),
    ];
  }
  const image = (op: string) =>
    `INSERT INTO _dosql_log(ts,t,op,${all}) VALUES(${now},${id},${op},${columnList(names, 'OLD.')});`;
  const fresh = (op: number) =>
    `INSERT INTO _dosql_log(ts,t,op,${keySlots}) SELECT ${now},${id},${op},${columnList(key, 'NEW.')}`;
  const moved = key
    .map((name, n) => {
      const column = quoteIdentifier(name);
      return `OLD.${column} IS NOT NEW.${column} COLLATE ${quoteIdentifier(collations[n]!)}`;
    })
    .join(' OR ');
  return [
    make(i!, 'INSERT', `${fresh(1)};`),
    make(u!, 'UPDATE', `${image(`CASE WHEN ${moved} THEN 4 ELSE 2 END`)} ${fresh(5)} WHERE ${moved};`),
    make(d!, 'DELETE', image('3')),
  ];
}
