import type { Engine } from './engine.ts';
import { exactQuery, type IntegerMode, isSuspect, restoreRow, unreadable } from './integers.ts';
import { factoryFor, type Plan } from './plan.ts';
import { enterSync, type Scope } from './scope.ts';
import { statementError } from './statement-error.ts';
import { decodeRows, integerVariant, type SqlValue } from './values.ts';

/**
 * Rows of a read one by one, with bounded memory. Where integers may be rounded, a second cursor over their exact text
 * runs in lockstep from there on.
 */
export function* iterateRows(
  engine: Engine,
  scope: Scope,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
  shape: 'object' | 'values' = 'object',
): Generator<unknown> {
  // The first row may be asked for long after iterate(): in somebody else's transaction, or after the end of one's own.
  enterSync(scope);
  if (!plan.plain || !plan.reads) {
    const rows = engine.all(plan, values, mode);
    const make = factoryFor(plan, engine.names);
    for (const row of rows) yield shape === 'values' ? row : make(row);
    return;
  }
  const bound = integerVariant(plan.statement, values);
  const open = (sql: string) => {
    try {
      return engine.sql.exec(sql, ...bound.values);
    } catch (error) {
      throw statementError(error, plan, values);
    }
  };
  const cursor = open(bound.sql);
  const names = cursor.columnNames;
  engine.names = names;
  engine.counts = cursor;
  const make = factoryFor(plan, names);
  let exact: Iterator<unknown[]> | undefined;
  let index = 0;
  try {
    for (const row of cursor.raw() as Iterable<unknown[]>) {
      enterSync(scope);
      if (decodeRows([row]) && mode !== 'number' && row.some(isSuspect)) {
        if (!exact) {
          exact = open(exactQuery(bound.sql, names.length)).raw() as Iterator<unknown[]>;
          for (let skip = 0; skip < index; skip++) exact.next();
        }
        const texts = exact.next();
        if (texts.done) throw unreadable(names, plan.sql);
        restoreRow(row, texts.value, index, names, mode, plan.sql);
      } else exact?.next();
      index++;
      yield shape === 'values' ? row : make(row);
    }
  } catch (error) {
    // SQLite may fail at any row.
    throw statementError(error, plan, values);
  }
}
