import type { Engine } from './engine.ts';
import { assertExact, type IntegerMode, isSuspect } from './integers.ts';
import type { Plan } from './plan.ts';
import { undoable } from './returning.ts';
import type { SqlValue } from './values.ts';

/** Runs a plain INSERT, UPDATE or DELETE and returns its RETURNING rows. */
export function runWrite(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  if (!plan.statement.returning) return commitWrite(engine, plan, () => engine.exec(plan.sql, plan, values));
  // A rounded integer is found only when the row is there, so the statement must be undoable by then.
  if (
    mode !== 'number' &&
    !(mode === 'throw' && plan.returnsInput && values.every(isSafeInput) && !engine.computes())
  ) {
    return undoable(engine, plan, values, mode);
  }
  return commitWrite(engine, plan, () => {
    const rows = engine.exec(plan.sql, plan, values);
    assertExact(engine, plan, rows, mode);
    return rows;
  });
}

/** Runs a write; in its own transaction when a deferred foreign key must be checked before it commits. */
export function commitWrite<T>(engine: Engine, plan: Plan, work: () => T): T {
  const noted = () => {
    const result = work();
    engine.touch(plan);
    return result;
  };
  if (engine.depth > 0) return noted();
  if (engine.deferred()) return engine.transactionSync(noted);
  const result = noted();
  if (engine.watched()) engine.endSingle(plan);
  return result;
}

function isSafeInput(value: SqlValue): boolean {
  // A text of many digits, or one like 9e18, becomes a large number in a column of numeric affinity.
  if (typeof value === 'string') return value.length < 16 && !/\de\+?\d/i.test(value);
  return typeof value !== 'bigint' && !isSuspect(value);
}
