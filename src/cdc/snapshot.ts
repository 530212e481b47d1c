import type { IntegerMode } from '../engine/integers.ts';
import { foldName } from '../sql/identifier.ts';
import { snapshotKey } from '../wal/consumer.ts';
import type { ChangeLog } from '../wal/index.ts';
import type { LogStore } from '../wal/store.ts';
import type { CdcEvent } from './event.ts';
import { originalValue, plainValue } from './json.ts';

/** What a consumer has had of its snapshot; JSON in `_dosql_meta` until all was acknowledged. */
export interface Progress {
  /** All tables are read as they were right after this entry. */
  lsn: number;
  /** Ids of the tables to come; the first one is being read. */
  tables: number[];
  /** Key of its last acknowledged row. */
  after?: unknown[];
  /** Acknowledged rows and parts. */
  rows: number;
  part: number;
  /** Rows of the part that was announced to a sink, and id of their table. */
  limit?: number;
  table?: number;
}

/** A part that was read but not acknowledged yet. */
export interface SnapshotPart {
  events: CdcEvent[];
  lsn: number;
  part: number;
  /** The progress when it is acknowledged; undefined behind the last one. */
  rest: Progress | undefined;
}

/** Ids of the tables that were there right after an entry, and of those tracked since: rows they came with are nowhere else. */
export function snapshotTables(store: LogStore, lsn: number, only?: readonly string[]): number[] {
  const names = only?.map(foldName);
  return [...store.byId.values()]
    .filter(
      ({ name, since, dropped = Infinity }) =>
        (since > lsn || lsn < dropped) && (!names || names.includes(foldName(name))),
    )
    .map(({ id }) => id)
    .sort((a, b) => a - b);
}

/** The rows a consumer gets before the changes: all of one moment, resumable, without a lock. */
export class Snapshot {
  readonly #key: string;
  readonly #store: LogStore;
  /** Of the part that was read last. */
  #table = 0;

  constructor(store: LogStore, consumer: string) {
    this.#store = store;
    this.#key = snapshotKey(consumer);
  }

  /** Fixes the moment, and returns its LSN. */
  begin(only?: readonly string[]): number {
    const store = this.#store;
    const lsn = store.last();
    const tables = snapshotTables(store, lsn, only);
    if (tables.length) this.#save({ lsn, tables, rows: 0, part: 0 });
    return lsn;
  }

  /** To be called in a turn. */
  load(): Progress | undefined {
    const [[json] = []] = this.#store.all('SELECT v FROM _dosql_meta WHERE k=?', this.#key) as [string][];
    return json === undefined ? undefined : (JSON.parse(json) as Progress);
  }

  /**
   * The next rows, of one table; undefined when only empty tables were left. As many as were announced, or up to `limit`
   * and `maxBytes`.
   */
  async read(
    progress: Progress,
    log: ChangeLog,
    {
      limit,
      maxBytes,
      integers,
      only,
    }: {
      limit: number;
      maxBytes: number;
      integers?: IntegerMode | undefined;
      only?: readonly string[] | undefined;
    },
  ): Promise<SnapshotPart | undefined> {
    const store = this.#store;
    const { byId, epoch } = store;
    const { lsn: start, rows: had, limit: announced } = progress;
    const part = progress.part + 1;
    let { tables, after } = progress;
    const newest = tables.at(-1) ?? 0;
    tables = [...tables, ...snapshotTables(store, start, only).filter((id) => id > newest)];
    for (; tables.length; tables = tables.slice(1), after = undefined) {
      const id = tables[0]!;
      const table = byId.get(id);
      if (!table) {
        // Not tracked any more. A part of it may have been delivered: what comes now must not take its number.
        if (id !== progress.table) continue;
        tables = tables.slice(1);
        return { events: [], lsn: start, part, rest: { lsn: start, tables, rows: had, part } };
      }
      const { name } = table;
      // Of a table tracked since, the changes begin later.
      const lsn = Math.max(start, table.since);
      const { rows, keys, next } = await log.rowsOf(() => byId.get(id) ?? table, {
        ...(announced ? { lsn, limit: announced } : { lsn, limit, maxBytes }),
        ...(after && { after: after.map(originalValue) }),
        ...(integers && { integers }),
      });
      if (rows.length === 0) continue;
      this.#table = id;
      const tx = { id: `${epoch}.${lsn}`, index: 0, total: 1 };
      const { ts } = log.head();
      const events = rows.map(
        (row, i): CdcEvent => ({
          ...{ id: `${tx.id}.${had + i + 1}`, lsn, ts, tx, op: 'snapshot', table: name },
          key: keys[i]!,
          before: null,
          after: row,
          schemaVersion: table.versions.at(-1) ?? 0,
        }),
      );
      const more = { lsn: start, rows: had + rows.length, part };
      const rest = next
        ? { ...more, tables, after: next.map(plainValue) }
        : tables.length > 1
          ? { ...more, tables: tables.slice(1) }
          : undefined;
      return { events, lsn: start, part, rest };
    }
    return undefined;
  }

  /** The next part will have this many rows, also after a crash. To be called in a turn. */
  intend(limit: number): void {
    const progress = this.load();
    if (progress) this.#save({ ...progress, limit, table: this.#table });
  }

  /** To be called in a turn. Does nothing when the part was acknowledged already, or is one of another snapshot. */
  advance({ lsn, part, rest }: SnapshotPart): void {
    const progress = this.load();
    if (progress?.part !== part - 1 || progress.lsn !== lsn) return;
    if (rest) this.#save(rest);
    else this.end();
  }

  /** To be called in a turn. */
  end(): void {
    this.#store.all('DELETE FROM _dosql_meta WHERE k=?', this.#key);
  }

  #save(progress: Progress): void {
    this.#store.setMeta(this.#key, JSON.stringify(progress));
  }
}
