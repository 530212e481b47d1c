import { isDosqlError } from '../errors/index.ts';
import { isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Engine } from './engine.ts';
import { exactReturning, type IntegerMode, isSuspect, restoreIntegers, unreadable } from './integers.ts';
import type { Plan } from './plan.ts';
import { decodeRows, type SqlValue } from './values.ts';

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
    if (decodeRows(rows) && mode !== 'number' && rows.some((row) => row.some(isSuspect)))
      throw unreadable(engine.names, plan.sql);
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

/** RETURNING whose numbers may be rounded: undone and run again with the exact texts appended. */
function undoable(engine: Engine, plan: Plan, values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
  let rounded: readonly string[] | undefined;
  const undo = new Error();
  try {
    return engine.transactionSync(() => {
      const rows = engine.exec(plan.sql, plan, values);
      engine.touch(plan);
      if (decodeRows(rows) && rows.some((row) => row.some(isSuspect))) {
        rounded = engine.names;
        throw undo;
      }
      return rows;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  const names = rounded as readonly string[];
  return engine.transactionSync(() => {
    const wide = withExact(engine, plan, values, names);
    engine.touch(plan);
    const rows = wide.map((row) => row.slice(0, names.length));
    decodeRows(rows);
    engine.names = names;
    restoreIntegers(
      rows,
      wide.map((row) => row.slice(names.length)),
      names,
      mode,
      plan.sql,
    );
    return rows;
  });
}

/** An alias or an expression in RETURNING is no column that could be read a second time, whatever its name is. */
function withExact(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  names: readonly string[],
): unknown[][] {
  if (!returnsColumns(plan.sql)) throw unreadable(names, plan.sql);
  try {
    return engine.exec(exactReturning(plan.sql, names), plan, values);
  } catch (error) {
    throw isDosqlError(error, 'NO_SUCH_COLUMN') ? unreadable(names, plan.sql) : error;
  }
}

/** RETURNING lists nothing but columns, or `*`. */
function returnsColumns(sql: string): boolean {
  const t = tokenize(sql);
  let i = t.length - 3;
  while (t[i] === Token.SEMICOLON) i -= 3;
  for (; isName(t[i]!) || t[i] === Token.STAR; i -= 6) {
    while (t[i - 3] === Token.DOT) i -= 6;
    if (t[i - 3] !== Token.COMMA) return t[i - 3] === Token.RETURNING;
  }
  return false;
}

function isSafeInput(value: SqlValue): boolean {
  // A long text of digits becomes an integer in a column of INTEGER affinity.
  if (typeof value === 'string') return value.length < 16;
  return typeof value !== 'bigint' && !isSuspect(value);
}
