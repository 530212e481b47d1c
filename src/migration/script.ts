import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { makePlan, type Plan } from '../engine/plan.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Hashed } from './drift.ts';
import { droppedTable, renamedTo } from './names.ts';
import { REFERRING, Remake } from './remake.ts';
import { findViolations, newViolations } from './violations.ts';

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
  const check = rebuild || engine.deferred() || /defer/i.test(script.migration.sql);
  const before = check ? findViolations(engine) : undefined;
  const remake = new Remake(engine);
  script.plans.forEach((plan, i) => {
    if (isForeignKeys(plan)) return;
    try {
      // What extensions make of a statement may depend on those before it.
      remake.run(engine.planHooks.length ? makePlan(plan.sql, engine.planHooks) : plan);
    } catch (error) {
      throw failed(script, (error as Error).message, error, i);
    }
  });
  try {
    // Unless the migration sets them itself.
    remake.finish(!/sqlite_sequence/i.test(script.migration.sql));
  } catch (error) {
    const { message, cause } = error as Error;
    throw failed(script, message, cause);
  }
  const found = before && newViolations(before, findViolations(engine));
  if (found) throw failed(script, `FOREIGN KEY constraint failed: ${found}`);
}

/** `PRAGMA foreign_keys = …`: the engine's business, not the script's. */
function isForeignKeys({ statement: { pragma } }: Plan): boolean {
  return pragma?.name === 'foreign_keys' && pragma.assigns;
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
