import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import type { Statement } from '../sql/types.ts';
import { beginAnew } from '../wal/images.ts';
import type { Segment } from './manifest.ts';
import { renumber } from './renumber.ts';
import { describeTier, type TierTable } from './table.ts';
import type { Tiers } from './tiers.ts';
import { settleTriggers } from './triggers.ts';

/**
 * What an ALTER TABLE was about: a name that changed in its place is a renamed column, unless another table came; or what
 * was done behind the handle.
 */
type Altered = 'columns' | 'table' | 'unseen' | undefined;

/** Follows the schema of tiered tables: files keep the columns that they were written with, by ids that renames do not change. */
export class TierSchema {
  /** Root pages before an ALTER: a renamed table keeps its own. */
  #roots: [name: string, root: number][] = [];
  #dropped = '';

  constructor(readonly tiers: Tiers) {}

  before({ verb, tables }: Statement): void {
    const { tiers } = this;
    const name = foldName(tables[0]?.name ?? '');
    this.#roots = verb === 'ALTER' ? this.#live() : [];
    // A table called __new_<name> is there to take the place of this one, with its rows.
    const heir = this.#live().some(([other]) => other === `__new_${name}`);
    const old = verb === 'DROP' ? tiers.tables.get(name)?.table : undefined;
    this.#dropped = verb === 'DROP' && !heir && this.#knows(name) ? name : '';
    if (!old || !heir || !tiers.manifest.active(name).length) return;
    const successor = describeTier(tiers.engine.sql, `__new_${name}`);
    if (successor) renumber(tiers.manifest, old, successor);
  }

  after({ verb }: { verb: string }): void {
    const live = new Map(this.#live().map(([name, root]) => [root, name]));
    let moved = false;
    if (this.#dropped && ![...live.values()].includes(this.#dropped)) this.#forget(this.#dropped);
    for (const [name, root] of this.#roots) {
      const now = live.get(root);
      if (!now || now === name) continue;
      moved = true;
      if (this.#knows(name)) this.#renamed(name, now);
    }
    this.settle(verb === 'ALTER' ? (moved ? 'table' : 'columns') : undefined);
  }

  /**
   * Looks at tables with archived rows for what was done to them behind the handle. A renamed one took its triggers along.
   * @throws UNSUPPORTED_STATEMENT where archived rows would get wrong values
   */
  open(): void {
    const { tiers } = this;
    for (const name of tiers.names()) {
      const [[now] = []] = tiers.manifest.all(
        "SELECT tbl_name FROM main.sqlite_master WHERE type='trigger' AND name=?",
        `_dosql_tier_u_${name}`,
      ) as string[][];
      if (now === undefined) this.#madeAnew(name);
      else if (foldName(now) !== name) this.#renamed(name, foldName(now));
    }
    this.settle('unseen');
  }

  /** Rows that were copied have new rowids, where these are no keys, and those in the files mean nothing any more. */
  #madeAnew(name: string): void {
    const { manifest, engine } = this.tiers;
    if (manifest.active(name).length && !describeTier(engine.sql, name)?.integerKey)
      manifest.run("UPDATE _dosql_tier_seg SET rid_hi=NULL WHERE tbl=? AND state='active'", name);
  }

  #renamed(name: string, now: string): void {
    const { manifest } = this.tiers;
    for (const table of ['_dosql_tier_seg', '_dosql_tier_schema'])
      manifest.run(`UPDATE ${table} SET tbl=? WHERE tbl=?`, now, name);
    // Their names are free for another table of that name.
    settleTriggers(manifest, now);
    manifest.bump();
  }

  /** Notes new versions of the columns and makes triggers, after an ALTER of columns or of a table's name. */
  settle(altered?: Altered): void {
    const { tiers } = this;
    for (const name of tiers.names()) {
      const table = describeTier(tiers.engine.sql, name);
      if (!table) continue;
      settleTriggers(tiers.manifest, table.name, table);
      this.#note(name, table, altered);
    }
    tiers.refresh();
  }

  /** @throws UNSUPPORTED_STATEMENT for a key, a NOT NULL or a default that archived rows cannot have */
  #refuse(name: string, table: TierTable, known: TierTable): void {
    const { manifest } = this.tiers;
    const segments = manifest.active(name);
    if (!segments.length) return;
    const refuse = (why: string, column: string) =>
      new DosqlError('UNSUPPORTED_STATEMENT', why, { table: name, columns: [column] });
    if (keyOf(table) !== keyOf(known))
      throw refuse(
        `The primary key of ${name}, or what makes two of its values equal, would change: its archived rows are found by the old one.`,
        table.columns[table.key[0]!]!.name,
      );
    const required = manifest.all('SELECT name FROM pragma_table_info(?) WHERE "notnull"', name);
    const buried = new Map(
      manifest.all('SELECT seg,count(*) FROM _dosql_tier_tomb GROUP BY seg') as [number, number][],
    );
    for (const { id, name: column, fallback } of table.columns) {
      const constant = !/\(|^current_/i.test(fallback?.replace(/'[^']*'|"[^"]*"/g, '') ?? '');
      if (!constant && !known.columns.some((one) => one.id === id))
        throw refuse(
          `The default of ${column} is computed: archived rows of ${name} would have another value each time. Give it a constant one.`,
          column,
        );
      if (!required.some(([one]) => one === column)) continue;
      const lacks = ({ id: segment, zone, rows }: Segment) =>
        (zone[id] ? zone[id][3] : fallback ? 0 : rows) > (buried.get(segment) ?? 0);
      if (segments.some(lacks))
        throw refuse(
          `${column} would be NOT NULL, and archived rows of ${name} have NULL in it: give them a value by an UPDATE first.`,
          column,
        );
    }
  }

  /** Tiered, or was under another name: what is noted of it goes where it goes. */
  #knows(name: string): boolean {
    return this.tiers.tables.has(name) || this.tiers.manifest.schemas(name).size > 0;
  }

  #live(): [string, number][] {
    return this.tiers.manifest
      .all("SELECT name,rootpage FROM main.sqlite_master WHERE type='table'")
      .map(([name, root]) => [foldName(name as string), root as number]);
  }

  #forget(name: string): void {
    const { manifest, engine } = this.tiers;
    const ids = manifest.active(name).map(({ id }) => id);
    // They go without an entry in the log.
    if (ids.length) beginAnew(engine, name);
    manifest.kill(ids);
    manifest.run(
      "DELETE FROM _dosql_tier_schema WHERE tbl=? AND NOT EXISTS(SELECT 1 FROM _dosql_tier_seg WHERE tbl=?1 AND state='pending')",
      name,
    );
    manifest.bump();
  }

  /** @throws UNSUPPORTED_STATEMENT where archived rows would get wrong values: computed ones, or those of another column */
  #note(name: string, table: TierTable, altered: Altered): void {
    const { manifest } = this.tiers;
    const versions = manifest.schemas(name);
    const last = Math.max(0, ...versions.keys());
    const known = versions.get(last);
    if (known) {
      const [gone, come] = [differing(known, table), differing(table, known)];
      const computed = !gone.length && table.columns.some((one) => one.generated && come.includes(one.name));
      const why = computed
        ? `${come} is computed, and archived rows of ${name} do not have its value. Compute it in statements instead.`
        : altered !== 'columns' && gone.length && come.length
          ? `The new ${name} has ${come} and no ${gone}: its archived rows cannot tell whether that is a renamed column. Use ALTER TABLE … RENAME COLUMN first, or drop and add columns by statements of their own, through the database handle.`
          : '';
      if (altered && why && manifest.active(name).length)
        throw new DosqlError('UNSUPPORTED_STATEMENT', why, { table: name, columns: come });
      identify(table, known, [...versions.values()], altered === 'columns');
    }
    const json = JSON.stringify(table);
    const same = JSON.stringify(known) === json;
    if (known && altered && !(same && altered === 'unseen')) this.#refuse(name, table, known);
    if (same) return;
    manifest.run('INSERT INTO _dosql_tier_schema VALUES(?,CAST(? AS INTEGER),?)', name, last + 1, json);
  }
}

/** What decides whether two keys are equal, and what they look like in tombstones. */
function keyOf({ columns, key, integerKey, rowid }: TierTable): string {
  const parts = key.map((at) => [columns[at]!.id, columns[at]!.affinity, columns[at]!.collate]);
  // With a rowid of its own a file says nothing of the rowids that would be keys now.
  return JSON.stringify([parts, !integerKey && rowid !== '']);
}

/** Columns that the other table does not have. */
function differing({ columns }: TierTable, other: TierTable): string[] {
  const names = new Set(other.columns.map(({ name }) => foldName(name)));
  return columns.flatMap(({ name }) => (names.has(foldName(name)) ? [] : [name]));
}

/** Gives columns the ids of those they were before. */
function identify(
  { columns }: TierTable,
  { columns: before }: TierTable,
  versions: readonly TierTable[],
  altered: boolean,
): void {
  let next = Math.max(...versions.flatMap((version) => version.columns.map(({ id }) => id))) + 1;
  const ids = new Map(before.map(({ name, id }) => [foldName(name), id]));
  const names = new Set(columns.map(({ name }) => foldName(name)));
  const differ = columns.filter(({ name }) => !ids.has(foldName(name)));
  for (const [i, column] of columns.entries()) {
    const known = ids.get(foldName(column.name));
    const old = before[i];
    const renamed =
      altered &&
      differ.length === 1 &&
      columns.length === before.length &&
      old &&
      !names.has(foldName(old.name));
    column.id = known ?? (renamed ? old.id : next++);
  }
}
