import { isMoved, type Ready as Outside, withForeign } from '../engine/foreign.ts';
import { enter } from '../engine/scope.ts';
import { runTransaction } from '../engine/transaction.ts';
import type { Params } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import { Budget, within } from './budget.ts';
import { paramsFromJson, toJson } from './json.ts';
import { loaded, type Ran, type Ready, ready, run } from './run.ts';
import type { Session } from './session.ts';

/** A result as JSON: rows are arrays in the order of `columns`. */
export function resultJson({ rows, lastInsertRowid, ...rest }: Ran): object {
  return { ...rest, rows: rows.map((row) => row.map(toJson)), lastInsertRowid: toJson(lastInsertRowid) };
}

/** `{ sql, params }` or `{ statements: […] }`, answered with one result or `{ results: […] }`. @throws DosqlError */
export async function answer(session: Session, said: Record<string, unknown>): Promise<object> {
  const { sql, params, statements } = said;
  // Some serializers write null for what is not there.
  if (statements == null) return resultJson(await one(session, sql as string, paramsFromJson(params)));
  if (!Array.isArray(statements) || sql != null)
    throw new DosqlError('INVALID_ARGUMENT', 'Send either sql or statements, which is an array.');
  const { engine, limits } = session;
  within('statements', limits.statements, statements.length, 'Send several batches.');
  const items = statements.map((item) => ready(session, ...statement(item)));
  const budget = () => new Budget(limits, session.grant);
  const { scope } = session.db;
  const together = async (): Promise<Ran[]> => {
    const all: Ready[] = [];
    for (const item of items) all.push(await loaded(session, item));
    const left = budget();
    return enter(scope, () => engine.transactionSync(() => all.map((item) => run(session, item, left))));
  };
  // Rows have moved, or a statement moved those of a later one: each loads after the one before it has run.
  const results = await together().catch((error) => {
    if (!isMoved(error)) throw error;
    return runTransaction(scope, async (own) => {
      const done: Ran[] = [];
      const left = budget();
      for (const item of items) done.push(run(session, await loaded(session, item, own), left));
      return done;
    });
  });
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
  const { scope, settings } = session.db;
  const go = (outside?: Outside) =>
    run(session, { ...item, outside }, new Budget(session.limits, session.grant));
  return item.plan.foreign
    ? withForeign(scope, item.plan, item.values, { tier: settings.tier }, go)
    : enter(scope, () => go());
}
