import type { Engine } from '../../engine/engine.ts';
import { DosqlError } from '../../errors/index.ts';
import { strictCopy } from '../../migration/copy.ts';
import { Remake } from '../../migration/remake.ts';
import { needsRebuild } from '../../migration/script.ts';
import { findViolations, newViolations } from '../../migration/violations.ts';
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

/** How statements run while foreign keys are off: nothing that refers to a rebuilt table is lost. */
export class Rebuild {
  #remake: Remake | undefined;
  #sequences = true;

  /** Like `execute`, for a statement that may drop, rename or rebuild a table. @throws DosqlError */
  execute(session: Session, stmt: Stmt, sql: string, budget: Budget, item?: Ready): StmtResult {
    const { access, sql: text } = session.check(sql);
    if (/sqlite_sequence/i.test(text)) this.#sequences = false;
    if (access !== 'schema') return execute(session, stmt, item ? sql : strictCopy(sql), budget, item);
    const { engine } = session;
    this.#remake ??= new Remake(engine);
    for (const one of alterColumn(engine, text) ?? [text]) this.#remake.run(engine.plan(one));
    return DONE;
  }

  /** A transaction that ends with the triggers that went with their tables, and without a new orphan. */
  transaction<T>(engine: Engine, work: () => T): T {
    const before = findViolations(engine);
    const remake = new Remake(engine);
    this.#remake = remake;
    this.#sequences = true;
    engine.pragmas.assert();
    // Not outermost to the engine: what was violated before must not stop it.
    engine.depth++;
    try {
      const result = engine.transactionSync(() => {
        const result = work();
        remake.finish(this.#sequences);
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
}
