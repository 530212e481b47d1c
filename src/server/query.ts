import { enter } from '../engine/scope.ts';
import type { Params } from '../engine/values.ts';
import { DosqlError, isDosqlError } from '../errors/index.ts';
import { Budget, within } from './budget.ts';
import { paramsFromJson, toJson } from './json.ts';
import { type Ran, type Ready, ready, run } from './run.ts';
import type { Session } from './session.ts';

/** A result as JSON: rows are arrays in the order of `columns`. */
export function resultJson({ rows, lastInsertRowid, ...rest }: Ran): object {
  return { ...rest, rows: rows.map((row) => row.map(toJson)), lastInsertRowid: toJson(lastInsertRowid) };
}

/** `{ sql, params }` or `{ statements: […] }`, answered with one result or `{ results: […] }`. @throws DosqlError */
export async function answer(session: Session, said: Record<string, unknown>): Promise<object> {
  const { sql, params, statements } = said;
  if (statements === undefined) return resultJson(await one(session, sql as string, paramsFromJson(params)));
  if (!Array.isArray(statements)) throw new DosqlError('INVALID_ARGUMENT', 'statements is an array.');
  const { engine, limits } = session;
  within('statements', limits.statements, statements.length, 'Send several batches.');
  const items = statements.map((item) => ready(session, ...statement(item)));
  const budget = new Budget(limits, session.grant);
  const results = await enter(session.db.scope, () =>
    engine.transactionSync(() => items.map((item) => run(session, item, budget))),
  );
  return { results: results.map(resultJson) };
}

/** `'sql'`, `['sql', params]` or `{ sql, params }`. */
function statement(item: unknown): [sql: string, params: Params | undefined] {
  if (Array.isArray(item)) return [item[0], paramsFromJson(item[1])];
  if (typeof item !== 'object' || item === null) return [item as string, undefined];
  const { sql, params } = item as { sql: string; params?: unknown };
  return [sql, paramsFromJson(params)];
}

/** Runs one statement when its turn comes. @throws DosqlError */
export async function one(session: Session, sql: string, params: Params | undefined): Promise<Ran> {
  const item = ready(session, sql, params);
  const budget = new Budget(session.limits, session.grant);
  try {
    return await enter(session.db.scope, () => run(session, item, budget));
  } catch (error) {
    // What it reads is outside the object, and must be fetched before.
    if (item.inspection.access !== 'read' || !isDosqlError(error, 'NEEDS_ASYNC')) throw error;
    return foreign(session, item, budget);
  }
}

async function foreign({ db }: Session, { plan, values }: Ready, budget: Budget): Promise<Ran> {
  const found = await db.query(plan.sql, values as Params, { rows: 'values', integers: 'bigint' });
  const rows = found.rows as unknown as unknown[][];
  for (const row of rows) budget.take(row);
  return { ...found, rows, changes: 0, lastInsertRowid: 0 };
}
