import type { IntegerMode } from '../engine/integers.ts';
import { rowFactory } from '../engine/rows.ts';
import type { Row } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import type { ChangeEvent } from './event.ts';
import { exactMode, inMode } from './exact.ts';
import { rowsAt } from './past.ts';
import type { ReadOptions } from './read.ts';
import { type Room, readRows } from './room.ts';
import type { LogStore } from './store.ts';
import { columnList, imageOf, type TrackedTable } from './table.ts';

/** Values are in the order of the columns, behind them: rowid, the row, LSN, time, operation. */
type Entry = unknown[];

const RANGE = 'lsn>?1 AND lsn<=?2';

/** The events of a range, from the entries and the rows at its end. When those do not fit into `room`, it says so and nothing is derived. */
export function eventsOf(
  store: LogStore,
  from: number,
  to: number,
  options: ReadOptions,
  room: Room,
): ChangeEvent[] {
  const only = options.tables?.map(foldName);
  const events: ChangeEvent[] = [];
  if (to <= from) return events;
  const ids = store.all(`SELECT DISTINCT t FROM ${store.from} WHERE ${RANGE}`, from, to) as number[][];
  const tx = transactions(store, from, to);
  for (const [id] of ids) {
    if (id === 0) messages(store, from, to, only, events, tx, room);
    const table = store.byId.get(id!);
    if (table && (!only || only.includes(foldName(table.name))))
      changes(store, table, from, to, options.integers ?? 'bigint', events, tx, room);
    if (room.bytes > room.most) return [];
  }
  return ids.length > 1 ? events.sort((a, b) => a.lsn - b.lsn) : events;
}

function messages(
  store: LogStore,
  from: number,
  to: number,
  only: readonly string[] | undefined,
  events: ChangeEvent[],
  tx: TransactionOf,
  room: Room,
): void {
  const sql = `SELECT lsn,ts,op,c0,c1 FROM ${store.from} WHERE ${RANGE} AND t=0 AND op IN(7,8)`;
  for (const [lsn, ts, op, c0, c1] of readRows(store.engine, sql, [from, to], 'number', room) as [
    number,
    number,
    number,
    string,
    string | Uint8Array | null,
  ][]) {
    const message = op === 7;
    const text = message ? c1 : c0;
    const payload = typeof text === 'string' ? JSON.parse(text) : text;
    const table = message ? '' : payload.table;
    if (only && !message && !only.includes(foldName(table))) continue;
    const id = `${store.epoch}.${lsn}`;
    const nothing = { key: {}, before: null, after: null, schemaVersion: 0 };
    const about = { id, lsn, ts, tx: tx(lsn, id), op: message ? 'message' : 'schema', table } as const;
    events.push({ ...about, ...nothing, ...(message && { topic: c0 }), payload });
  }
}

/** Old rows are in the log; new ones are what the next change of the row replaced, or the row at the end of the range. */
function changes(
  store: LogStore,
  table: TrackedTable,
  from: number,
  to: number,
  integers: IntegerMode,
  events: ChangeEvent[],
  tx: TransactionOf,
  room: Room,
): void {
  const { engine, epoch } = store;
  const { columns, key, name } = table;
  const names = columns.map((column) => column.name);
  const width = names.length;
  const make = rowFactory(names) as (values: unknown[]) => Row;
  const all = (sql: string) => readRows(engine, sql, [from, to], exactMode(integers), room) as Entry[];
  const select = `SELECT ${columns.map(imageOf)},rid,0,lsn,ts,op FROM ${store.from} WHERE`;
  const entries = all(`${select} ${RANGE} AND t=${table.id} ORDER BY lsn`);
  const identity = identityIn(table);
  const keyOf = keyMaker(table);
  // An event's rows are made once, and kept behind the values, which are faster to compare.
  const rowOf = (entry: Entry): Row => {
    entry[width + 1] ||= inMode(make(entry), integers);
    return entry[width + 1] as Row;
  };
  const state = new Map<unknown, Entry>();
  const present = `SELECT ${columnList(names)},_dosql_id FROM ${rowsAt(store, table, '?2', RANGE, '_dosql_id')}`;
  for (const row of all(present)) state.set(identity(row), row);
  if (room.bytes > room.most) return;
  const start = events.length;
  const versions = table.versions.length ? table.versions : [0];
  let version = versions.length - 1;
  // The row of a changed key, until its first half is found.
  let moved: Entry | undefined;
  const complete = (entry: Entry) => {
    const event = events.at(-1)!;
    event.before = rowOf(entry);
    event.changed = changedColumns(names, entry, moved!);
    moved = undefined;
  };
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i]!;
    const [lsn, op] = [entry[width + 2] as number, entry[width + 4] as number];
    const who = identity(entry);
    const fresh = op === 1 || op === 5;
    const known = state.get(who);
    if ((op < 3 || op === 5) === !known && op !== 6) throw corrupt(table, lsn);
    if (fresh) state.delete(who);
    else state.set(who, entry);
    if (op === 6) continue;
    // Without a key the rowid is what a row is known by: with another one it is another row.
    const insert = op === 1 || (op === 5 && key.length === 0);
    const gone = op === 3 || (op === 4 && key.length === 0);
    const before = fresh ? null : rowOf(entry);
    if (op === 4 && !gone) {
      // The event is that of its second half, one entry later, which may be behind the range.
      if (moved) complete(entry);
      continue;
    }
    if (op === 5 && !insert) moved = known;
    while (version > 0 && versions[version]! > lsn) version--;
    const after = gone ? null : rowOf(known!);
    const id = `${epoch}.${lsn}`;
    const event: ChangeEvent = {
      id,
      lsn,
      ts: entry[width + 3] as number,
      tx: tx(lsn, id),
      op: insert ? 'insert' : gone ? 'delete' : 'update',
      table: name,
      key: inMode(keyOf(after ?? before!, entry[width]), integers),
      before,
      after,
      schemaVersion: versions[version]!,
    };
    if (op === 2) event.changed = changedColumns(names, entry, known!);
    events.push(event);
  }
  // Or the first half is right before the range.
  const [half] = moved ? all(`${select} lsn=?1 AND lsn<?2`) : [];
  if (half) complete(half);
  if (start === 0) events.reverse();
}

function corrupt({ name }: TrackedTable, lsn: number): DosqlError {
  return new DosqlError(
    'LOG_CORRUPT',
    `The change log and table ${name} do not fit together at LSN ${lsn}: rows were replaced or capture was bypassed by SQL that did not go through the database handle.`,
    { table: name },
  );
}

/** A value per row that is equal for entries of the same row, by the collation of its key. */
function identityIn({ columns, key, collations }: TrackedTable): (entry: Entry) => unknown {
  const width = columns.length;
  if (!collations) return (entry) => entry[width];
  const at = key.map((name) => columns.findIndex((column) => column.name === name));
  return (entry) =>
    JSON.stringify(
      at.map((i, n) => {
        const value = entry[i];
        // JSON knows no infinity.
        if (typeof value !== 'string') return Number.isFinite(value) ? value : [String(value)];
        const collation = collations[n]!.toUpperCase();
        return collation === 'NOCASE'
          ? foldName(value)
          : collation === 'RTRIM'
            ? value.replace(/ +$/, '')
            : value;
      }),
    );
}

/** What events call a row, from the row and its rowid. */
export function keyMaker({ key }: TrackedTable): (row: Row, rowid: unknown) => Row {
  if (key.length === 0) return (_, rowid) => ({ rowid: rowid as number });
  const make = rowFactory(key) as (values: unknown[]) => Row;
  return (row) => make(key.map((name) => row[name]));
}

function changedColumns(names: readonly string[], before: Entry, after: Entry): string[] {
  const changed: string[] = [];
  for (let i = 0; i < names.length; i++) if (!sameValue(before[i], after[i])) changed.push(names[i]!);
  return changed;
}

/** Equality of two stored values. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!(a instanceof Uint8Array && b instanceof Uint8Array && a.length === b.length)) return false;
  // Of megabytes; a callback for each byte takes twenty times as long.
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The transaction of an entry, whose id is that of its only entry when nothing was noted. */
type TransactionOf = (lsn: number, id: string) => ChangeEvent['tx'];

function transactions(store: LogStore, from: number, to: number): TransactionOf {
  const rows = store.all(
    'SELECT first_lsn,last_lsn FROM _dosql_tx WHERE last_lsn>?1 AND first_lsn<=?2 ORDER BY last_lsn',
    from,
    to,
  ) as [number, number][];
  let i = 0;
  return (lsn, id) => {
    // Readers move in one direction.
    while (i < rows.length && rows[i]![1] < lsn) i++;
    while (i > 0 && rows[i - 1]![1] >= lsn) i--;
    const [first, last] = rows[i] ?? [Infinity, 0];
    if (first > lsn) return { id, index: 0, total: 1 };
    return { id: `${store.epoch}.${last}`, index: lsn - first, total: last - first + 1 };
  };
}
