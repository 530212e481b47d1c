import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import type { Plan } from '../engine/plan.ts';
import { FOREIGN_KEYS } from '../engine/pragmas.ts';
import { DosqlError } from '../errors/index.ts';
import { analyze } from '../sql/analyze.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { strictCopy } from './copy.ts';
import { droppedTable, droppedTrigger, mentioning, renamedTo } from './names.ts';
import { Sequences } from './sequences.ts';

export const REFERRING = `SELECT 1 FROM ${FOREIGN_KEYS} AND f."table"=?1 COLLATE NOCASE LIMIT 1`;

const DANGLING = REFERRING.replace(
  ' LIMIT',
  ' AND NOT EXISTS(SELECT 1 FROM sqlite_master WHERE name=?1 COLLATE NOCASE) LIMIT',
);

/** Extensions look after their triggers themselves. */
const USERS = "name NOT GLOB '_dosql_*'";
/** Name and text of each trigger of the user's. */
export const TRIGGERS = `SELECT name,sql FROM sqlite_master WHERE type='trigger' AND ${USERS}`;

/** Runs statements that may make tables anew, and mends at the end what went with the old ones. */
export class Remake {
  /** Folded names of the tables that were dropped. */
  readonly #gone = new Set<string>();
  /** By folded names: the texts of triggers that went with their table, now and before the table was renamed. */
  readonly #lost = new Map<string, string[]>();
  /** By the new name of a renamed table: its old one, and the texts that its triggers had. */
  readonly #renamed = new Map<string, { from: string; texts: Map<string, string> }>();
  readonly #sequences: Sequences;

  constructor(private readonly engine: Engine) {
    this.#sequences = new Sequences(engine);
  }

  /** @throws DosqlError */
  run(plan: Plan): void {
    const { engine } = this;
    const table = droppedTable(plan);
    if (table) {
      const earlier = this.#renamed.get(foldName(table))?.texts;
      for (const [name, text] of this.#triggers(table))
        this.#lost.set(foldName(name), [text, earlier?.get(name) ?? text]);
      this.#sequences.note(table);
      this.#gone.add(foldName(table));
    }
    this.#lost.delete(droppedTrigger(plan) ?? '');
    const target = renamedTo(plan);
    const from = plan.statement.tables[0]?.name;
    if (target && from) this.#renamed.set(target, { from, texts: new Map(this.#triggers(from)) });
    const sql = plan.statement.kind === 'write' ? strictCopy(plan.sql) : plan.sql;
    try {
      engine.all(sql === plan.sql ? plan : engine.plan(sql), [], 'number');
    } catch (error) {
      // Renaming the new table looks into triggers and views of others, which still mention the dropped one. Any other
      // change must fail here: done in another way, it would leave them broken.
      if (!from || !target || !this.#gone.has(target)) throw error;
      if (!/error in (trigger|view)/.test((error as Error).message)) throw error;
      this.#renameAside(plan, from, target, error);
    }
  }

  /** Triggers that nobody dropped come back with their table, and AUTOINCREMENT goes on. @throws MIGRATION_FAILED */
  finish(sequences: boolean): void {
    for (const [table, { from }] of this.#renamed) {
      if (this.#gone.has(table) && drain(this.engine.sql.exec(DANGLING, table)).length > 0)
        throw new DosqlError(
          'MIGRATION_FAILED',
          `foreign keys followed ${from} to ${table}, which is dropped; fill the new table under another name, drop ${from}, then rename the new one`,
        );
    }
    for (const [name, texts] of this.#lost) {
      for (const text of texts) {
        try {
          this.#make(text);
          break;
        } catch (cause) {
          const { message } = cause as Error;
          // It was made again by a statement, or its table is gone for good.
          if (!/already exists|no such table/.test(message))
            throw new DosqlError(
              'MIGRATION_FAILED',
              `its trigger "${name}" cannot be made again: ${message}`,
              { cause },
            );
        }
      }
    }
    if (sequences && this.#gone.size > 0) this.#sequences.restore();
  }

  #triggers(table: string): [string, string][] {
    const sql = `${TRIGGERS} AND tbl_name=? COLLATE NOCASE`;
    return drain(this.engine.sql.exec(sql, table)) as [string, string][];
  }

  /** Makes a trigger or view that was there before, whatever it says; extensions hear of it. */
  #make(text: string): void {
    this.engine.changeSchema(analyze(text), () => this.engine.sql.exec(text));
  }

  /** Renames a table while the views and triggers that it is not named in are away. */
  #renameAside(plan: Plan, from: string, target: string, cause: unknown): void {
    const { sql } = this.engine;
    const body = mentioning(sql, from);
    // It would go on to mention the old name.
    if (body)
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `"${body}" mentions ${from}, which is renamed; make it afterwards, with ${target}`,
        { cause },
      );
    // Views come first: they have triggers.
    const away = drain(
      sql.exec(
        `SELECT type,name,sql FROM sqlite_master WHERE type IN('view','trigger') AND ${USERS} AND tbl_name<>? COLLATE NOCASE ORDER BY type DESC`,
        from,
      ),
    ) as string[][];
    for (const [type, name] of away) sql.exec(`DROP ${type} IF EXISTS ${quoteIdentifier(name!)}`);
    this.engine.all(plan, [], 'number');
    for (const [, , text] of away) this.#make(text!);
  }
}
