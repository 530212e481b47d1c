import type { Engine } from '../engine/engine.ts';
import { OwnTables } from '../engine/own-tables.ts';
import type { Plan } from '../engine/plan.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName, nameAt } from '../sql/identifier.ts';
import { isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Statement } from '../sql/types.ts';
import type { LogSource } from './past.ts';
import { countIndexes, type TrackedTable } from './table.ts';
import { timestamp } from './triggers.ts';

/** A log table: the current one, or one that was set aside and is dropped as a whole. */
export interface Segment {
  name: string;
  first: number;
  last: number;
}

const STORES = new WeakMap<Engine, LogStore>();

/** Says of a table (its folded name) that it has rows elsewhere, whose past the log does not know. */
export const ELSEWHERE = new WeakMap<Engine, (name: string) => boolean>();

/** Every table of the log; the format is described in docs/formats/log.md. */
export const LOG_TABLES = ['_dosql_log', '_dosql_tab', '_dosql_tx', '_dosql_consumer', '_dosql_meta'];

/** The log of this storage, if it has one. */
export function findStore(engine: Engine): LogStore | undefined {
  return STORES.get(engine);
}

/** The log of this storage. @throws FEATURE_NOT_ENABLED */
export function storeOf(engine: Engine): LogStore {
  const store = findStore(engine);
  if (store) return store;
  throw new DosqlError(
    'FEATURE_NOT_ENABLED',
    "This needs the change log: import { changeLog } from '@dotdo/dosql/wal' and pass changeLog(…) in DB(name, { extensions: […] }), before what builds on it.",
  );
}

/** What is in memory of the log's tables, and how to reach the rest. Shared by every feature that reads the log. */
export class LogStore extends OwnTables implements LogSource {
  /** Tracked tables that exist, by folded name, and those dropped whose name is not used again. */
  readonly tables = new Map<string, TrackedTable>();
  readonly byId = new Map<number, TrackedTable>();
  segments: Segment[] = [];
  /** Slots of the log, in the order of its columns. */
  slots: string[] = [];
  epoch = '';
  /** Oldest LSN that can be read. */
  horizon = 0;
  /** LSN of the last committed entry, as far as writes went through the engine. */
  head = 0;
  /** Counts changes of what SQL texts over the log depend on. */
  version = 0;
  #loaded = 0;
  /** It was read inside a transaction, behind a savepoint that was rolled back: the whole may be, too. */
  #within = false;
  keyIndex = false;
  /** Entries behind these LSNs are needed; by whom. */
  readonly pins = new Map<string, number>();
  /** The clock was behind the log when this instance started. */
  guarded = false;
  /** A trigger may write rows where its own row is not written: one cannot tell from row counts what was logged. */
  doubtful = false;
  /** Tables that are not tracked may write to those that are, by triggers or foreign keys. */
  related = false;
  /** What may make a trigger run a REPLACE on a tracked table: `insert name` and so on. */
  replacers: ReadonlySet<string> = new Set();
  /** `engine.writes` at the last look for new entries. */
  seen = -1;
  #most = new WeakMap<Plan, number>();
  #from = '';

  constructor(engine: Engine) {
    super(engine);
    STORES.set(engine, this);
  }

  /** Source of all entries, for FROM. */
  get from(): string {
    return this.#from;
  }

  /** Reads the state from its tables: at start, and after a rollback of a schema change. */
  load(): void {
    const names = this.all(
      "SELECT name FROM sqlite_master WHERE type='table' AND name LIKE '\\_dosql\\_log%' ESCAPE '\\'",
    )
      .map(([name]) => name as string)
      .sort((a, b) => Number(a.slice(11) || Infinity) - Number(b.slice(11) || Infinity));
    this.segments = names.map((name) => {
      const [[first, last]] = this.all(
        `SELECT (SELECT min(lsn) FROM ${name}),(SELECT max(lsn) FROM ${name})`,
      ) as [[number | null, number | null]];
      return { name, first: first ?? 1, last: last ?? 0 };
    });
    this.slots = this.all("SELECT name FROM pragma_table_info('_dosql_log') WHERE cid>4 ORDER BY cid").map(
      ([name]) => name as string,
    );
    const meta = new Map(this.all('SELECT k,v FROM _dosql_meta') as [string, string | number][]);
    this.epoch = String(meta.get('epoch') ?? '');
    this.horizon = Number(meta.get('horizon') ?? 0);
    this.byId.clear();
    for (const [id, name, json] of this.all('SELECT t,name,meta FROM _dosql_tab') as [
      number,
      string,
      string,
    ][]) {
      const stored = JSON.parse(json) as TrackedTable | null;
      if (stored) this.byId.set(id, { ...stored, id, name });
    }
    this.changed();
    this.#loaded = this.version;
  }

  /** After a rollback: what was read or made inside may never have been. */
  rolledBack(outermost: boolean): void {
    if (this.version !== this.#loaded || this.#within) {
      this.load();
      this.#within = !outermost;
    }
    if (outermost) this.head = this.last();
    this.seen = -1;
  }

  /** To be called when tables, segments or slots changed. */
  changed(): void {
    this.version++;
    this.tables.clear();
    // A name is that of the table which has it, else of the one that had it last: a rebuilt one is dropped for a moment.
    const end = ({ dropped = Number.MAX_VALUE }: TrackedTable) => dropped;
    for (const table of [...this.byId.values()].sort((a, b) => end(a) - end(b)))
      this.tables.set(foldName(table.name), table);
    this.#most = new WeakMap();
    for (const { name } of this.segments) this.engine.internal.add(name);
    this.#from = `main._dosql_log`;
    // workerd: at most 5 terms in a compound SELECT; there are never more segments.
    if (this.segments.length > 1)
      this.#from = `(${this.segments.map(({ name }) => `SELECT * FROM main.${name}`).join(' UNION ALL ')})`;
  }

  /** Keeps what `_dosql_tab` says of a table up to date. */
  save({ id, name, ...meta }: TrackedTable): void {
    this.run(
      'INSERT INTO _dosql_tab VALUES(?,?,?) ON CONFLICT DO UPDATE SET name=excluded.name,meta=excluded.meta',
      id,
      name,
      JSON.stringify(meta),
    );
  }

  setMeta(key: string, value: string | number): void {
    this.run('INSERT OR REPLACE INTO _dosql_meta VALUES(?,?)', key, value);
  }

  /** Writes an entry that is no row's, and returns its LSN. */
  append(op: number, c0: string | null, c1: unknown = null): number {
    this.run(`INSERT INTO _dosql_log(ts,t,op,c0,c1) VALUES(${timestamp(this.guarded)},0,${op},?,?)`, c0, c1);
    return this.last();
  }

  /** Entries behind this LSN must stay: consumers that hold them, and features that pinned them. */
  pinned(): number {
    let pin = Infinity;
    for (const lsn of this.pins.values()) pin = Math.min(pin, lsn);
    for (const [acked, state] of this.all(
      'SELECT acked,state FROM _dosql_consumer WHERE epoch=?',
      this.epoch,
    ) as [number, string][]) {
      const { onLag, maxLag = Infinity } = JSON.parse(state) as { onLag?: string; maxLag?: number };
      if (onLag !== 'expire' || this.last() - acked <= maxLag) pin = Math.min(pin, acked);
    }
    return pin;
  }

  /** What a reader of `epoch` has still to read behind `acked` is gone, or was never of this log. */
  expired(epoch: string, acked: number): boolean {
    return epoch !== this.epoch || acked < this.horizon - 1;
  }

  /** LSN of the newest entry, committed or not. */
  last(): number {
    return (this.all('SELECT max(lsn) FROM _dosql_log') as [[number | null]])[0][0] ?? 0;
  }

  /**
   * Inside a transaction before it ends, or behind a single statement: a transaction of several entries gets a row of its
   * own. Most single writes can be told from their row counts: an entry comes with at least one row and one entry written.
   */
  ended(single?: Plan): void {
    this.#within = false;
    const { engine, head } = this;
    if (single && !this.doubtful) {
      const { rowsWritten } = engine;
      if (rowsWritten === 0) return;
      const most = this.#mostOfOne(single);
      if (rowsWritten <= Math.abs(most)) {
        if (most > 0) this.head++;
        return;
      }
    } else if (!single && engine.writes === this.seen) return;
    this.seen = engine.writes;
    const [[last, changes]] = this.all('SELECT max(lsn),changes() FROM _dosql_log') as [
      [number | null, number],
    ];
    if (last === null || last <= head) return;
    this.head = last;
    if (last === head + 1) return;
    this.all('INSERT INTO _dosql_tx VALUES(?,?,NULL)', last, head + 1);
    // The last statement's own count was just replaced by that of the insertion.
    if (engine.chunkedChanges.writes !== engine.writes)
      engine.chunkedChanges = { writes: engine.writes, changes };
  }

  /**
   * The most rows that a statement can write when it makes one entry; negative: when it makes none. Behind the first
   * row, its certain index entries and its entry, a second entry and its row make two more.
   */
  #mostOfOne(plan: Plan): number {
    let most = this.#most.get(plan);
    if (most === undefined) {
      const { verb, tables, sql } = plan.statement;
      const name = tables.find(({ role }) => role === 'write')?.name;
      const table = name === undefined ? undefined : this.tables.get(foldName(name));
      // Rows written for an entry.
      const entry = this.keyIndex ? 2 : 1;
      if (!table || table.dropped)
        most = name === '_dosql_log' ? entry : this.related ? -1 - entry : -Infinity;
      else {
        const plain = verb === 'INSERT' && !/\b(conflict|or)\b/i.test(sql);
        if (plain) most = 1 + 2 * entry + countIndexes(this.engine.sql, table.name);
        // A changed key makes two entries for one row.
        else most = 2 * entry + (verb === 'DELETE' || leavesKey(plan.statement, table) ? 1 : 0);
      }
      this.#most.set(plan, most);
    }
    return most;
  }
}

/** An UPDATE that names no part of the key in what it sets. */
function leavesKey({ verb, sql, replace }: Statement, { key }: TrackedTable): boolean {
  if (verb !== 'UPDATE' || replace) return false;
  const names = new Set([...key.map(foldName), 'rowid', '_rowid_', 'oid']);
  const t = tokenize(sql);
  let depth = 0;
  let set = false;
  for (let i = 0; i < t.length; i += 3) {
    const kind = t[i]!;
    if (kind === Token.LEFT_PAREN) depth++;
    else if (kind === Token.RIGHT_PAREN) depth--;
    else if (depth === 0 && kind === Token.SET) set = true;
    else if (depth === 0 && kind === Token.WHERE) break;
    else if (set && isName(kind) && names.has(nameAt(sql, t, i))) return false;
  }
  return set;
}
