import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { loadForeign, type Ready as Outside } from '../engine/foreign.ts';
import { iterateRows } from '../engine/iterate.ts';
import { Lock } from '../engine/lock.ts';
import { observed } from '../engine/observe.ts';
import type { Plan } from '../engine/plan.ts';
import type { Scope } from '../engine/scope.ts';
import { lastChange } from '../engine/statements.ts';
import { encodeParams, type Params, type SqlValue } from '../engine/values.ts';
import { DosqlError, isDosqlError } from '../errors/index.ts';
import { type Budget, within } from './budget.ts';
import type { Inspection } from './inspect.ts';
import type { Session } from './session.ts';

/** Rows of one statement, as arrays, and what it did. */
export interface Ran {
  readonly columns: readonly string[];
  readonly rows: unknown[][];
  readonly rowsRead: number;
  readonly rowsWritten: number;
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/** A statement that may run, with its values. */
export interface Ready {
  readonly inspection: Inspection;
  readonly plan: Plan;
  readonly values: readonly SqlValue[];
  /** What runs in its place, with rows from outside the object. */
  readonly outside?: Outside | undefined;
}

/** Checks a statement and its values. @throws NOT_AUTHORIZED, READ_ONLY, INVALID_PARAMETER, LIMIT_EXCEEDED */
export function ready(session: Session, sql: string, params: Params | undefined): Ready {
  const inspection = session.check(sql);
  const plan = session.engine.plan(inspection.sql);
  const values = encodeParams(plan.statement, params);
  within('parameters', session.limits.parameters, values.length, 'Bind a list as one JSON array.');
  return { inspection, plan, values };
}

/** The same with its rows from outside the object, if it reads any; to be called before its turn. @throws DosqlError */
export async function loaded({ db }: Session, item: Ready, scope: Scope = db.scope): Promise<Ready> {
  const { plan, values } = item;
  if (!plan.foreign) return item;
  return { ...item, outside: await loadForeign(plan, values, { scope, tier: db.settings.tier }) };
}

/** A scope for work that has its turn already. */
export function turn(engine: Engine): Scope {
  return { engine, lock: new Lock(), blocked: false, check() {} };
}

/**
 * Runs a statement, in a transaction of its own or in the one that is open; to be called in the caller's turn. Rows
 * count against the budget while they are read. @throws DosqlError
 */
export function run(session: Session, item: Ready, budget: Budget): Ran {
  const { engine } = session;
  const { inspection, plan, values } = item;
  const used = item.outside ?? item;
  const work = (): Ran => {
    const rows: unknown[][] = [];
    const found = iterateRows(engine, turn(engine), used.plan, used.values, 'bigint', 'values') as Generator<
      unknown[]
    >;
    try {
      for (let next = found.next(); !next.done; next = found.next()) {
        budget.take(next.value);
        rows.push(next.value);
      }
    } catch (error) {
      leave(found, session.limits.rows);
      throw error;
    }
    const { names: columns, rowsRead, rowsWritten } = engine;
    const change = inspection.access === 'write' ? lastChange(engine) : { changes: 0, lastInsertRowid: 0 };
    return { columns, rows, rowsRead, rowsWritten, ...change };
  };
  const { settings } = session.db;
  const told = () =>
    redacted(plan, values, () =>
      settings.onQuery ? observed(engine, settings, plan, values, work) : work(),
    );
  return inspection.access === 'read' ? reading(engine, told) : engine.transactionSync(told);
}

/**
 * Ends a reading that nobody wants any more. The platform has no way to close a cursor, which locks its tables against
 * DDL until it is collected, but to read it to its end; an endless one is left after `most` rows.
 */
export function leave(rows: Generator<unknown>, most: number): void {
  try {
    for (let i = 0; i < most && !rows.next().done; i++);
  } catch {
    // Its own failure ends it, too.
  }
}

/** Runs what should only read in a transaction that is rolled back if it wrote. @throws READ_ONLY */
export function reading<T>(engine: Engine, work: () => T): T {
  if (engine.depth === 0) engine.pragmas.assert();
  engine.depth++;
  try {
    return engine.native.transactionSync(() => {
      const before = totalChanges(engine);
      const result = work();
      if (engine.rowsWritten > 0 || totalChanges(engine) !== before)
        throw new DosqlError(
          'READ_ONLY',
          'The statement wrote, which this access may not; nothing was kept.',
        );
      return result;
    });
  } catch (error) {
    engine.undone(engine.depth === 1);
    if (engine.depth === 1) engine.rolledBack();
    throw error;
  } finally {
    engine.depth--;
  }
}

function totalChanges({ sql }: Engine): unknown {
  return drain(sql.exec('SELECT total_changes()'))[0]?.[0];
}

/** SQLite quotes values in some messages (a JSON path, an FTS query): what was bound does not leave again. */
export function redacted<T>(plan: Plan, values: readonly SqlValue[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDosqlError(error) || values.length === 0) throw error;
    const known = (text: string) => plan.sql.includes(text);
    // FTS5 names parts of what it is to look for.
    const given = (text: string) =>
      !known(text) && values.some((value) => typeof value === 'string' && value.includes(text));
    const message = error.message
      .replace(/"[^"]*"|'[^']*'/g, (quoted) => (known(quoted.slice(1, -1)) ? quoted : '…'))
      .replace(/(?<=^(no such column|unknown special query): ).+?(?=: SQLITE_|$)/s, (part) =>
        given(part) ? '…' : part,
      );
    const hidden = values.reduce<string>(
      (text, value) =>
        typeof value === 'string' && value.length > 3 && !plan.sql.includes(value)
          ? text.replaceAll(value, '…')
          : text,
      message,
    );
    if (hidden === error.message) throw error;
    const { table, constraint, limit } = error;
    const columns = error.columns?.filter((column) => !given(column));
    throw new DosqlError(error.code, hidden, { table, columns, constraint, limit });
  }
}
