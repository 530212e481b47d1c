import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';
import { DosqlError } from '../../errors/index.ts';
import { strictCopy } from '../../migration/copy.ts';
import { withoutForeignKeys } from '../../migration/rebuild.ts';
import { needsRebuild, restoreTrigger, runStatement, TRIGGERS } from '../../migration/script.ts';
import { keepSequences } from '../../migration/sequences.ts';
import { findViolations, newViolations } from '../../migration/violations.ts';
import { foldName, nameAt } from '../../sql/identifier.ts';
import { tokenize } from '../../sql/tokenizer.ts';
import type { Budget } from '../budget.ts';
import type { Ready } from '../run.ts';
import type { Session } from '../session.ts';
import { alterColumn, isAlterColumn } from './alter.ts';
import type { Stmt, StmtResult } from './proto.ts';
import { DONE, execute } from './statement.ts';

const OFF = /^\s*pragma\s+foreign_keys\s*[=(]\s*'?(off|0|false|no)\b/i;

/** True for statements that drop a table which others refer to, or that ask for foreign keys to be off. */
export function rebuildsTables(engine: Engine, texts: readonly string[]): boolean {
  if (texts.some(isAlterColumn)) return true;
  // On its own it has no effect: the next request starts with foreign keys on.
  if (texts.length > 1 && texts.some((text) => OFF.test(text))) return true;
  const plans = texts.filter((text) => /\b(drop|rename)\b/i.test(text)).map((text) => engine.plan(text));
  if (plans.length === 0) return false;
  const migration = { id: '', hash: '', when: undefined, sql: texts.join('\n') };
  return needsRebuild(engine, { migration, plans: plans.flatMap((plan) => plan.parts ?? plan) });
}

/** Runs `work` alone on the object, with foreign keys off; whatever it commits is checked before. */
export async function alone<T>(
  { engine }: Session,
  ctx: DurableObjectState | undefined,
  work: () => T,
): Promise<T> {
  const guarded = async (): Promise<{ done: T } | { error: unknown }> => {
    try {
      let done: { done: T } | undefined;
      await withoutForeignKeys(engine, ctx, () => {
        done = { done: work() };
      });
      return done!;
    } catch (error) {
      // workerd: an error thrown inside blockConcurrencyWhile resets the object.
      return { error };
    }
  };
  const result = await engine.lock.exclusive(() => (ctx ? ctx.blockConcurrencyWhile(guarded) : guarded()));
  if ('error' in result) throw result.error;
  return result.done;
}

/** How statements run while foreign keys are off: nothing that refers to a rebuilt table is lost. */
export class Rebuild {
  /** Folded names of the tables that were dropped. */
  readonly #gone = new Set<string>();
  readonly #dropped = new Set<string>();

  /** Like `execute`, for a statement that may drop, rename or rebuild a table. @throws DosqlError */
  execute(session: Session, stmt: Stmt, sql: string, budget: Budget, item?: Ready): StmtResult {
    const { access, sql: text } = session.check(sql);
    if (access !== 'schema') return execute(session, stmt, item ? sql : strictCopy(sql), budget, item);
    const { engine } = session;
    for (const one of alterColumn(engine, text) ?? [text]) {
      const plan = engine.plan(one);
      const { verb, tables } = plan.statement;
      if (verb === 'DROP') {
        if (tables[0]) this.#gone.add(foldName(tables[0].name));
        const t = tokenize(one);
        this.#dropped.add(nameAt(one, t, t.length - 3));
      }
      runStatement(engine, plan, this.#gone);
    }
    return DONE;
  }

  /** A transaction that ends with the triggers that went with their tables, and without a new orphan. */
  transaction<T>(engine: Engine, work: () => T): T {
    this.#gone.clear();
    this.#dropped.clear();
    const before = findViolations(engine);
    const triggers = drain(engine.sql.exec(TRIGGERS)) as [string, string][];
    const restoreSequences = keepSequences(engine);
    engine.pragmas.assert();
    // Not outermost to the engine: what was violated before must not stop it.
    engine.depth++;
    try {
      const result = engine.transactionSync(() => {
        const result = work();
        this.#restore(engine, triggers);
        restoreSequences();
        const found = newViolations(before, findViolations(engine));
        if (found) throw new DosqlError('FOREIGN_KEY_VIOLATION', `FOREIGN KEY constraint failed: ${found}`);
        engine.ending();
        return result;
      });
      engine.committed();
      return result;
    } catch (error) {
      engine.rolledBack();
      throw error;
    } finally {
      engine.depth--;
    }
  }

  #restore(engine: Engine, triggers: readonly (readonly [name: string, text: string])[]): void {
    const left = new Set(drain(engine.sql.exec(TRIGGERS)).map(([name]) => name));
    for (const [name, text] of triggers) {
      if (left.has(name) || this.#dropped.has(foldName(name))) continue;
      try {
        restoreTrigger(engine, text);
      } catch (error) {
        // Its table is gone for good.
        if (!/no such table/.test((error as Error).message))
          throw new DosqlError('MIGRATION_FAILED', `Trigger "${name}" cannot be made again.`, {
            cause: error,
          });
      }
    }
  }
}
