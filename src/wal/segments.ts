import { horizonOf } from './instant.ts';
import type { LogStore } from './store.ts';

/** workerd allows 5 terms in a compound SELECT, and every read is one over all segments. */
const MAX_SEGMENTS = 5;

/** What a prune did. */
export interface PruneReport {
  /** Entries that are gone. */
  pruned: number;
  /** Oldest point that can still be read. */
  horizon: { lsn: number; ts: number };
}

/** Starts a new segment. The old one is kept and read until it is pruned as a whole. */
export function rotate(store: LogStore): boolean {
  const { segments } = store;
  if (segments.length >= MAX_SEGMENTS) return false;
  const current = segments.at(-1)!;
  const first = current.first;
  const name = `_dosql_log_${first}`;
  const [[ddl]] = store.all("SELECT sql FROM sqlite_master WHERE name='_dosql_log'") as [[string]];
  const last = store.last();
  if (last === 0) return false;
  // With the legacy meaning of RENAME the capture triggers go on naming _dosql_log.
  store.all('PRAGMA legacy_alter_table=1');
  try {
    store.all(`ALTER TABLE _dosql_log RENAME TO ${name}`);
  } finally {
    store.all('PRAGMA legacy_alter_table=0');
  }
  store.all(ddl);
  if (store.keyIndex) makeKeyIndex(store, last + 1);
  // A header, because the number of an entry is that of the newest one plus one.
  store.run(`INSERT INTO _dosql_log(lsn,ts,t,op) SELECT lsn+1,ts,0,9 FROM ${name} WHERE lsn=?`, last);
  store.head = last + 1;
  segments.splice(-1, 1, { name, first, last }, { name: '_dosql_log', first: last + 1, last: last + 1 });
  store.changed();
  return true;
}

/** The index that finds entries by row. It is named after the segment's first LSN: a segment set aside keeps its own. */
export function makeKeyIndex(store: LogStore, first: number): void {
  store.all(`CREATE INDEX _dosql_log_rid_${first} ON _dosql_log(rid,t)`);
}

/** Rows of transactions that are deleted in one go. Unlike a segment's entries, each is billed. */
const TRANSACTIONS = 20_000;

/** Drops the segments whose entries are all at or before `lsn`: no billed row for the log itself. */
export function prune(store: LogStore, lsn: number): PruneReport {
  let pruned = 0;
  for (let step = pruneStep(store, lsn); step !== undefined; step = pruneStep(store, lsn)) pruned += step;
  return { pruned, horizon: horizonOf(store) };
}

/** Drops one segment, or rows that only dropped ones needed. Gives how many entries are gone; undefined when nothing is due. */
export function pruneStep(store: LogStore, lsn: number): number | undefined {
  const { horizon } = store;
  const floor = Math.min(lsn, store.pinned());
  const last = store.last();
  // A segment of nothing but its header is not worth another one.
  if (floor >= last && last > store.segments.at(-1)!.first) rotate(store);
  const [[oldest] = [null]] = store.all('SELECT min(last_lsn) FROM _dosql_tx') as (number | null)[][];
  if (oldest !== null && oldest! < horizon) {
    store.run('DELETE FROM _dosql_tx WHERE last_lsn<?', Math.min(oldest! + TRANSACTIONS, horizon));
    return 0;
  }
  if (store.segments.length < 2 || store.segments[0]!.last > floor) return undefined;
  const { name, first } = store.segments.shift()!;
  store.all(`DROP TABLE ${name}`);
  store.horizon = store.segments[0]!.first;
  store.setMeta('horizon', store.horizon);
  forget(store);
  return store.horizon - first;
}

/** What only pruned entries needed: slots and old names for columns, dropped tables. */
function forget(store: LogStore): void {
  for (const table of store.byId.values()) {
    if (table.dropped && table.dropped < store.horizon && !table.heir) {
      store.byId.delete(table.id);
      store.run("UPDATE _dosql_tab SET meta='null' WHERE t=?", table.id);
    } else if (table.columns.some(({ since = Infinity }) => since <= store.horizon)) {
      table.columns = table.columns.map(({ name, slot, since = 0, fill }) =>
        since > store.horizon ? { name, slot, since, fill: fill as string } : { name, slot },
      );
      store.save(table);
    }
  }
  store.changed();
}
