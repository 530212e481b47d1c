import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { makePlan, type Plan } from '../engine/plan.ts';
import { FOREIGN_KEYS } from '../engine/pragmas.ts';
import { DosqlError } from '../errors/index.ts';
import { analyze } from '../sql/analyze.ts';
import { foldName } from '../sql/identifier.ts';
import { tokenize } from '../sql/tokenizer.ts';
import { strictCopy } from './copy.ts';
import type { Hashed } from './drift.ts';
import { droppedTrigger, mentioning, renamedTo } from './names.ts';
import { keepSequences } from './sequences.ts';
import { findViolations, newViolations } from './violations.ts';

/** Name and text of each trigger of the user's. */
export const TRIGGERS =
  "SELECT name,sql FROM sqlite_master WHERE type='trigger' AND name NOT GLOB '_dosql_*'";

const REFERRING = `SELECT 1 FROM ${FOREIGN_KEYS} AND f."table"=?1 COLLATE NOCASE LIMIT 1`;

const DANGLING = REFERRING.replace(
  ' LIMIT',
  ' AND NOT EXISTS(SELECT 1 FROM sqlite_master WHERE name=?1 COLLATE NOCASE) LIMIT',
);

/** A migration and its statements. */
export interface Script {
  migration: Hashed;
  plans: Plan[];
}

export const BREAKPOINT = '--> statement-breakpoint';

/** The texts between drizzle-kit's breakpoints, which are comments; within a string it is just text. */
export function pieces(sql: string): string[] {
  if (!sql.includes(BREAKPOINT)) return [sql];
  const found: string[] = [];
  const t = tokenize(sql);
  let start = 0;
  let end = 0;
  for (let i = 0; i < t.length; i += 3) {
    if (sql.slice(end, t[i + 1]).includes(BREAKPOINT)) {
      found.push(sql.slice(start, end));
      start = t[i + 1]!;
    }
    end = t[i + 2]!;
  }
  return [...found, sql.slice(start)];
}

/** Splits a migration into statements. @throws MIGRATION_FAILED for what must not run, before anything does */
export function parseScript(engine: Engine, migration: Hashed): Script {
  const plans = pieces(migration.sql)
    .map((text) => makePlan(text, engine.planHooks))
    .flatMap((plan) => plan.parts ?? (plan.statement.verb ? plan : []));
  const script = { migration, plans };
  plans.forEach(({ statement, refusal }, i) => {
    const reason =
      statement.kind === 'transaction'
        ? `${statement.verb} cannot stand here, each migration already is one transaction; remove it`
        : statement.parameterCount
          ? 'there are no values for parameters'
          : refusal?.().message;
    if (reason) throw failed(script, reason, undefined, i);
  });
  return script;
}

/** Runs the statements; to be called in a transaction. @throws MIGRATION_FAILED */
export function runScript(engine: Engine, script: Script, rebuild: boolean): void {
  const { sql } = engine;
  const check = rebuild || engine.deferred() || /defer/i.test(script.migration.sql);
  const before = check ? findViolations(engine) : undefined;
  const restoreSequences = keepSequences(engine);
  /** Texts, by name, of the triggers that went with their table. Extensions look after theirs themselves. */
  const lost = new Map<string, string[]>();
  const gone = new Set<string>();
  /** By the new name of a renamed table: its old one, and the texts that its triggers had. */
  const renamed = new Map<string, { from: string; texts: Map<string, string> }>();
  const triggers = (table: string) =>
    drain(sql.exec(`${TRIGGERS} AND tbl_name=? COLLATE NOCASE`, table)) as [string, string][];
  script.plans.forEach((plan, i) => {
    if (isForeignKeys(plan)) return;
    try {
      const dropped = droppedTable(plan);
      if (dropped) {
        const table = foldName(dropped);
        for (const [name, text] of triggers(dropped))
          lost.set(foldName(name), [text, renamed.get(table)?.texts.get(name) ?? text]);
        gone.add(table);
      }
      lost.delete(droppedTrigger(plan) ?? '');
      const target = renamedTo(plan);
      const from = plan.statement.tables[0]?.name;
      if (target && from) renamed.set(target, { from, texts: new Map(triggers(from)) });
      // What extensions make of a statement may depend on those before it.
      runStatement(engine, engine.planHooks.length ? makePlan(plan.sql, engine.planHooks) : plan, gone);
    } catch (error) {
      throw failed(script, (error as Error).message, error, i);
    }
  });
  for (const [table, { from }] of renamed) {
    if (gone.has(table) && drain(sql.exec(DANGLING, table)).length > 0)
      throw failed(
        script,
        `foreign keys followed ${from} to ${table}, which is dropped; fill the new table under another name, drop ${from}, then rename the new one`,
      );
  }
  // Those that the migration says nothing about come back with the table, also when it was renamed to be dropped.
  for (const [name, texts] of lost) {
    for (const text of texts) {
      try {
        restoreTrigger(engine, text);
        break;
      } catch (error) {
        const { message } = error as Error;
        // The migration made it again, or its table is gone for good.
        if (!/already exists|no such table/.test(message))
          throw failed(script, `its trigger "${name}" cannot be made again: ${message}`, error);
      }
    }
  }
  // Unless the migration sets them itself.
  if (gone.size > 0 && !/sqlite_sequence/i.test(script.migration.sql)) restoreSequences();
  const found = before && newViolations(before, findViolations(engine));
  if (found) throw failed(script, `FOREIGN KEY constraint failed: ${found}`);
}

/** Makes a trigger that was there before, whatever it says; extensions hear of it. To be called in a transaction. */
export function restoreTrigger(engine: Engine, text: string): void {
  engine.changeSchema(analyze(text), () => engine.sql.exec(text));
}

/** Runs one statement of a script; `gone`: folded names of the tables that it dropped before. */
export function runStatement(engine: Engine, plan: Plan, gone: ReadonlySet<string>): void {
  const sql = plan.statement.kind === 'write' ? strictCopy(plan.sql) : plan.sql;
  try {
    engine.all(sql === plan.sql ? plan : engine.plan(sql), [], 'number');
  } catch (error) {
    // Renaming the new table looks into triggers and views of others, which still mention the dropped one. Any other
    // change must fail here: done in the legacy way, it would leave them broken.
    const target = renamedTo(plan) ?? '';
    if (!gone.has(target) || !/error in (trigger|view)/.test((error as Error).message)) throw error;
    engine.sql.exec('PRAGMA legacy_alter_table=1');
    try {
      engine.all(plan, [], 'number');
    } finally {
      engine.sql.exec('PRAGMA legacy_alter_table=0');
    }
    const renamed = plan.statement.tables[0]!.name;
    const refers = drain(engine.sql.exec(REFERRING, renamed)).length > 0;
    const body = refers ? undefined : mentioning(engine.sql, renamed);
    if (!refers && !body) return;
    // The legacy way leaves the bodies of views and triggers alone, and keys while foreign keys are off.
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      refers
        ? `a foreign key refers to ${renamed}, which is renamed; write REFERENCES ${target}`
        : `"${body}" mentions ${renamed}, which is renamed; make it afterwards, with ${target}`,
      { cause: error },
    );
  }
}

/** `PRAGMA foreign_keys = …`: the engine's business, not the script's. */
function isForeignKeys({ statement: { pragma } }: Plan): boolean {
  return pragma?.name === 'foreign_keys' && pragma.assigns;
}

function droppedTable({ statement: { verb, tables } }: Plan): string | undefined {
  return verb === 'DROP' ? tables[0]?.name : undefined;
}

/** True when dropping a table could delete the rows that refer to it: SQLite deletes a table's rows before it drops it. */
export function needsRebuild({ sql }: Engine, { migration, plans }: Script): boolean {
  /** What the tables that the migration renames are called now. */
  const now = new Map<string, string>();
  return plans.some((plan) => {
    const dropped = droppedTable(plan);
    const target = renamedTo(plan);
    const from = plan.statement.tables[0]?.name ?? '';
    if (target) now.set(target, now.get(foldName(from)) ?? from);
    return dropped
      ? /\breferences\b/i.test(migration.sql) ||
          drain(sql.exec(REFERRING, now.get(foldName(dropped)) ?? dropped)).length > 0
      : isForeignKeys(plan);
  });
}

/** The error of a migration; of its statement `i`, where there is one. */
export function failed({ migration, plans }: Script, reason: string, cause?: unknown, i = -1): DosqlError {
  const statement = plans[i]?.sql.trim();
  const where = statement === undefined ? '' : ` at statement ${i + 1} of ${plans.length}`;
  return new DosqlError(
    'MIGRATION_FAILED',
    `Migration "${migration.id}" failed${where}: ${reason}. Nothing of it was kept.${statement ? `\n${statement.slice(0, 500)}` : ''}`,
    { migration: migration.id, statement, cause },
  );
}
