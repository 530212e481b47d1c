import { FOREIGN_KEYS } from '../engine/pragmas.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import type { Statement } from '../sql/types.ts';
import { type Choice, describeChosen, type LiveTable } from './chosen.ts';
import { defaultOf } from './default.ts';
import { logDrop, logLoss, logReturn, sameIdentity } from './rebuild.ts';
import { replacersOf, type Trigger } from './replacers.ts';
import type { LogStore } from './store.ts';
import { type DescribedColumn, imageOf, MAX_SLOTS, type TrackedTable } from './table.ts';
import { triggerNames, triggerTexts } from './triggers.ts';

/** A trigger may write rows while the one it is for stays as it is. BEFORE is what a trigger is that does not say. */
const LEAVES_ROW = /\b(before|instead)\b|\braise\s*\(\s*ignore\b/i;
const AFTER = /\bafter\s+(insert|update|delete)\b/i;

const CASCADES = `SELECT f."table",m.name FROM ${FOREIGN_KEYS}`;

/** Follows the schema: what is tracked, in which columns and by which triggers. Runs in the transaction of the change. */
export class SchemaFollower {
  /** Root pages before an ALTER: a renamed table keeps its own. */
  #roots = new Map<number, string>();

  /** @param strict before migrations have run, a new table that cannot be tracked is no error: they may change it */
  constructor(
    readonly store: LogStore,
    readonly choice: Choice,
    public strict: boolean,
  ) {}

  /** Makes way for a DDL statement. */
  before({ verb, tables }: Statement): void {
    const { store } = this;
    const table = tables[0] && store.tables.get(foldName(tables[0].name));
    this.#roots =
      verb === 'ALTER' ? new Map(this.#live().map(({ root, name }) => [root, foldName(name)])) : new Map();
    if (!table || table.dropped || verb === 'CREATE') return;
    // Should the statement fail, what is noted here is read again.
    store.version++;
    if (verb === 'DROP') logDrop(store, table, this.#live());
    // ALTER TABLE … DROP COLUMN refuses a column that a trigger names.
    else this.#dropTriggers(table);
  }

  /**
   * Brings the log in line with the schema. `changing`: by a statement that {@link before} saw; otherwise it is looked at
   * anew. `settled`: tables that are not wanted will not be renamed to one that is.
   */
  after(changing: boolean, settled = false): void {
    const { store, choice } = this;
    this.strict ||= settled;
    const live = new Map(this.#live().map((table) => [foldName(table.name), table]));
    const present = [...store.byId.values()].filter((table) => !table.dropped);
    const captured = changing ? undefined : this.#captured();
    for (const table of present) {
      const name = foldName(captured ? (captured.get(triggerNames(table)[0]!) ?? '') : table.name);
      const found = live.get(name) ?? [...live.values()].find(({ root }) => this.#roots.get(root) === name);
      if (found && this.#replaces(table, found.name)) {
        this.#dropTriggers(table);
        logLoss(store, table, found.name);
        table.dropped = this.#note(table, 'drop');
        this.#save(table);
      } else if (found) table.name = found.name;
      else {
        table.dropped = this.#note(table, 'drop');
        // What it lost behind the back of the log nobody knows: its history ends, also when a table has its name.
        if (changing) this.#save(table);
        else this.#forget(table);
      }
    }
    store.changed();
    for (const [name, found] of live) {
      const table = store.tables.get(name);
      if (!choice.wanted(found.name) && (settled || !table || table.dropped)) {
        if (table && !table.dropped) this.#forget(table);
        continue;
      }
      // The rows of CREATE TABLE … AS, or of a table that had another name, were logged by nobody.
      if (!table) this.#track(found, changing);
      else if (table.dropped) this.#resume(table, found);
      else if (table.ddl !== found.ddl) this.#redescribe(table, found);
    }
    store.changed();
    this.#makeTriggers();
    store.changed();
    // What was written here is an entry of the open transaction.
    store.seen = -1;
  }

  #live(): LiveTable[] {
    return this.store
      .all(
        "SELECT name,rootpage,sql FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      )
      .map(([name, root, ddl]) => ({ name: name as string, root: root as number, ddl: ddl as string }));
  }

  /** Where each trigger is: a rename takes those of a table along, and with the table they are gone. */
  #captured(): Map<string, string> {
    const sql = "SELECT name,tbl_name FROM sqlite_master WHERE type='trigger'";
    return new Map(this.store.all(sql) as [string, string][]);
  }

  /** A table took the name of a dropped one, whose entries would be mixed with its own: it goes on as that one. */
  #replaces(table: TrackedTable, name: string): boolean {
    const folded = foldName(name);
    const dropped = this.store.tables.get(folded)?.dropped;
    return dropped !== undefined && folded !== foldName(table.name);
  }

  #track(found: LiveTable, withRows: boolean): void {
    const { store } = this;
    const description = this.#describe(found, this.strict);
    if (!description) return;
    const [[id]] = store.all('SELECT coalesce(max(t),0)+1 FROM _dosql_tab') as [[number]];
    const { columns, ...identity } = description;
    const table: TrackedTable = {
      id,
      name: found.name,
      ...identity,
      columns: [],
      since: 0,
      versions: [],
      retired: [],
      ddl: found.ddl,
    };
    table.since = this.#note(table, 'track');
    this.#assign(table, columns, table.since);
    store.byId.set(id, table);
    this.#save(table);
    if (withRows) logReturn(store, table);
  }

  /** A table with the name of a dropped one appeared. */
  #resume(table: TrackedTable, found: LiveTable): void {
    const description = this.#describe(found);
    // The differences that were logged are those to another table.
    const otherHeir = table.heir !== undefined && table.heir !== this.#roots.get(found.root);
    if (otherHeir || !description || !sameIdentity(description, table)) {
      // What was logged of it up to its loss is still to be read, as far as the log says it all.
      if (otherHeir) this.#forget(table);
      else if (description) this.#bequeath(table, description.columns);
      this.#track(found, true);
      return;
    }
    const known = table.heir !== undefined;
    delete table.dropped;
    delete table.heir;
    this.#redescribe(table, found);
    if (!known) logReturn(this.store, table);
  }

  /** A dropped table whose name has one with another key now: its rows have the columns of today. */
  #bequeath(table: TrackedTable, columns: readonly DescribedColumn[]): void {
    const names = new Set(columns.map(({ name }) => name));
    if (!table.key.every((name) => names.has(name))) return;
    this.#assign(table, columns, this.store.last() + 1);
    this.store.save(table);
  }

  #redescribe(table: TrackedTable, found: LiveTable): void {
    const description = this.#describe(found);
    if (!description) {
      this.#forget(table);
      return;
    }
    const { columns, ...identity } = description;
    const before = table.columns;
    // RENAME COLUMN: the one name that differs, in its old place.
    const renamed = columns.filter(({ name }, i) => before[i]?.name !== name);
    if (this.#roots.size > 0 && before.length === columns.length && renamed.length === 1) {
      const i = columns.indexOf(renamed[0]!);
      if (!columns.some(({ name }) => name === before[i]!.name)) before[i]!.name = renamed[0]!.name;
    }
    table.ddl = found.ddl;
    table.name = found.name;
    const lsn = this.#note(table, 'alter');
    Object.assign(table, identity);
    this.#assign(table, columns, lsn);
    this.#save(table);
  }

  /** Gives every column a slot of its affinity; columns of the same name keep theirs. */
  #assign(table: TrackedTable, columns: readonly DescribedColumn[], lsn: number): void {
    const { store } = this;
    const old = new Map(table.columns.map((column) => [foldName(column.name), column]));
    const kept = columns.map((c) => {
      const known = old.get(foldName(c.name));
      return known?.slot[0] === c.kind ? known : undefined;
    });
    for (const column of table.columns) if (!kept.includes(column)) table.retired.push([column.slot, lsn]);
    table.retired = table.retired.filter(([, since]) => since > store.horizon);
    const used = new Set(table.retired.map(([slot]) => slot));
    for (const column of kept) if (column) used.add(column.slot);
    table.columns = columns.map(({ name, kind, fallback }, i) => {
      const known = kept[i];
      if (known) return { ...known, name };
      let n = 0;
      while (used.has(kind + n)) n++;
      const slot = kind + n;
      used.add(slot);
      this.#addSlot(slot);
      const before = old.get(foldName(name));
      if ((!before && fallback === null) || lsn === table.since) return { name, slot };
      return { name, slot, since: lsn, fill: before ? imageOf(before) : defaultOf(store, kind, fallback!) };
    });
  }

  #addSlot(slot: string): void {
    const { store } = this;
    if (store.slots.includes(slot)) return;
    if (store.slots.length === MAX_SLOTS) {
      throw new DosqlError(
        'LIMIT_EXCEEDED',
        'The tracked tables need too many columns in the log; exclude some.',
        {
          limit: { name: 'log columns', value: MAX_SLOTS },
        },
      );
    }
    const types: Record<string, string> = { n: ' NUMERIC', t: ' TEXT', r: ' REAL' };
    // Metadata only: no row is written.
    for (const { name } of store.segments)
      store.all(`ALTER TABLE ${name} ADD COLUMN ${slot}${types[slot[0]!] ?? ''}`);
    store.slots.push(slot);
  }

  #describe(found: LiveTable, strict = true) {
    return describeChosen(this.store.engine.sql, this.choice, found, strict);
  }

  #note({ name }: TrackedTable, event: string): number {
    return this.store.append(8, JSON.stringify({ event, table: name }));
  }

  #save(table: TrackedTable): void {
    table.versions.push(this.store.last());
    this.store.save(table);
  }

  /** Ends the history of a table; its id is not used again. */
  #forget(table: TrackedTable): void {
    const { store } = this;
    this.#dropTriggers(table);
    store.byId.delete(table.id);
    store.run("UPDATE _dosql_tab SET meta='null' WHERE t=?", table.id);
    store.changed();
  }

  #dropTriggers(table: TrackedTable): void {
    for (const name of triggerNames(table)) this.store.all(`DROP TRIGGER IF EXISTS ${name}`);
  }

  /** Every tracked table has the triggers it should have, made after the user's: SQLite runs the newest first. */
  #makeTriggers(): void {
    const { store } = this;
    const found = new Map<string, string>();
    const last = new Map<string, string>();
    const foreign: Trigger[] = [];
    store.doubtful = false;
    for (const [name, table, sql] of store.all(
      "SELECT name,tbl_name,sql FROM sqlite_master WHERE type='trigger' ORDER BY rowid",
    ) as string[][]) {
      const own = name!.startsWith('_dosql_');
      if (own) found.set(name!, sql!);
      else {
        foreign.push([table!, sql!]);
        store.doubtful ||= LEAVES_ROW.test(sql!) || !AFTER.test(sql!);
      }
      last.set(foldName(table!), own ? 'own' : 'foreign');
    }
    store.replacers = replacersOf(
      foreign,
      () => store.all(CASCADES) as string[][],
      (name) => store.tables.has(name),
    );
    store.related = foreign.length > 0 || this.#live().some(({ ddl }) => /\breferences\b/i.test(ddl));
    for (const table of store.byId.values()) {
      if (table.dropped) continue;
      const texts = triggerTexts(table, store.guarded);
      const names = triggerNames(table);
      if (last.get(foldName(table.name)) === 'own' && texts.every((text, i) => found.get(names[i]!) === text))
        continue;
      this.#dropTriggers(table);
      for (const text of texts) store.all(text);
    }
  }
}
