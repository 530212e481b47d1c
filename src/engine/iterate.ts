import type { Engine } from './engine.ts';
import { decodeExact, exactQuery, type IntegerMode, isSuspect, unreadable } from './integers.ts';
import { factoryFor, type Plan } from './plan.ts';
import { enterSync, type Scope } from './scope.ts';
import { statementError } from './statement-error.ts';
import { decodeRows, integerVariant, type SqlValue } from './values.ts';

/**
 * Rows of a read one by one, with bounded memory. From the first one on that may hold a rounded integer they come from a
 * second cursor, whose integers are exact.
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
  let rows = cursor.raw() as Iterator<unknown[]>;
  let exact = false;
  try {
    for (let index = 0; ; index++) {
      let { value: row, done } = rows.next();
      enterSync(scope);
      if (done) return;
      if (exact) decodeExact(row, index, names, mode, plan.sql);
      else if (decodeRows([row]) && mode !== 'number' && row.some(isSuspect)) {
        const first: unknown[] = row;
        close(rows);
        exact = true;
        rows = open(exactQuery(bound.sql, names.length)).raw() as Iterator<unknown[]>;
        for (let skip = 0; skip <= index; skip++) ({ value: row, done } = rows.next());
        if (!done) decodeExact(row, index, names, mode, plan.sql);
        // Rows were given out already: they must be the first ones of this reading too.
        if (
          done ||
          (index && (/\brandom/i.test(plan.sql) || !first.every((value, c) => isSame(value, row[c]))))
        ) {
          throw unreadable(names, plan.sql);
        }
      }
      yield shape === 'values' ? row : make(row);
    }
  } catch (error) {
    close(rows);
    // SQLite may fail at any row.
    throw statementError(error, plan, values);
  }
}

/** Reads a cursor to its end: left open it would lock its tables against DDL. */
function close(rows: Iterator<unknown>): void {
  try {
    while (!rows.next().done);
  } catch {
    // It has failed already.
  }
}

/** One value, read twice: with an integer rounded and exact. BLOBs are taken for equal. */
function isSame(a: unknown, b: unknown): boolean {
  return typeof a === 'object' ? typeof b === 'object' : a === b || Number(a) === Number(b);
}
