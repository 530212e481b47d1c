import { splitStatements } from '../../sql/split.ts';
import { loaded, type Ready } from '../run.ts';
import type { Session } from '../session.ts';
import type { Stmt, StreamRequest } from './proto.ts';
import { readyStmt } from './statement.ts';
import type { Stream } from './stream.ts';

/** Statements with their rows from outside the object: by what the client sent, or by the text of a sequence's. */
export type Outside = ReadonlyMap<Stmt | string, Ready | { readonly error: unknown }>;

/** Loads what the statements of a request read from outside, those that it will repeat included; before their turn. */
export async function loadOutside(
  session: Session,
  stream: Stream,
  requests: readonly StreamRequest[],
): Promise<Outside | undefined> {
  if (!session.engine.loads) return undefined;
  const found = new Map<Stmt | string, Ready | { error: unknown }>();
  const load = async (key: Stmt | string, stmt: Stmt, sql: string | undefined) => {
    try {
      const item = readyStmt(session, stmt, sql as string);
      // What cannot be loaded fails in its place.
      if (item.plan.foreign) found.set(key, await loaded(session, item).catch((error) => ({ error })));
    } catch {
      // BEGIN and its like, or a statement that fails in its place.
    }
  };
  const text = ({ sql, sql_id }: Stmt) => sql ?? stream.stored.get(sql_id as number);
  for (const { stmt, sql } of stream.log) await load(stmt, stmt, sql);
  for (const { type, stmt, batch, sql, sql_id } of requests) {
    const stmts = batch?.steps?.map((step) => step?.stmt) ?? [];
    for (const one of [...stmts, stmt]) if (one) await load(one, one, text(one));
    if (type !== 'sequence') continue;
    const script = text({ ...(sql != null && { sql }), ...(sql_id != null && { sql_id }) }) ?? '';
    for (const { start, end } of splitStatements(script))
      await load(script.slice(start, end), {}, script.slice(start, end));
  }
  return found;
}
