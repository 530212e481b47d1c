import { enter } from '../../engine/scope.ts';
import { DosqlError } from '../../errors/index.ts';
import { alone, withoutForeignKeys } from '../../migration/rebuild.ts';
import { splitStatements } from '../../sql/split.ts';
import { Budget, within } from '../budget.ts';
import type { Session } from '../session.ts';
import { describe } from './describe.ts';
import { loadOutside } from './outside.ts';
import type { Batch, BatchResult, Condition, HranaError, Stmt, StreamRequest } from './proto.ts';
import { Rebuild, rebuildsTables } from './rebuild.ts';
import { hranaError } from './statement.ts';
import type { Stream, Streams } from './stream.ts';
import { type Answer, type Ask, Transactions, type Work } from './transactions.ts';

/** What the Hrana routes of one handler share, and whose request it is. */
export interface HranaContext {
  readonly session: Session;
  readonly streams: Streams;
  readonly ctx: DurableObjectState | undefined;
}

/** A batch has its BEGIN, COMMIT, ROLLBACK and pragmas beside the statements. */
export const CONTROL = 5;

type StreamResult = { type: 'ok'; response: object } | { type: 'error'; error: HranaError };

/** `POST /v2/pipeline`, `/v3/pipeline`: `{ baton, requests }`. @throws STREAM_EXPIRED, INVALID_ARGUMENT, LIMIT_EXCEEDED */
export async function answerPipeline(context: HranaContext, body: Record<string, unknown>): Promise<object> {
  const { baton, requests } = body as { baton?: unknown; requests?: StreamRequest[] };
  if (!Array.isArray(requests) || !requests.every(Boolean))
    throw new DosqlError('INVALID_ARGUMENT', 'requests is an array of objects.');
  const { session, streams } = context;
  within('requests', 10 * session.limits.statements, requests.length, 'Send several pipelines.');
  const statements = requests.reduce(
    (sum, { type, batch }) => sum + stepsOf(batch).length + +(type === 'execute'),
    0,
  );
  within('statements', session.limits.statements + CONTROL, statements, 'Send several pipelines.');
  const stream = streams.take(baton, session.grant);
  const results = await inTurn(context, stream, requests, (autocommit) =>
    work(session, stream, requests, autocommit),
  );
  const closed = requests.some(({ type }) => type === 'close');
  return { baton: closed ? null : streams.keep(stream), base_url: null, results };
}

/** Runs the work when its turn comes; with foreign keys off, where it drops tables that others refer to. */
export async function inTurn<T>(
  { session, ctx }: HranaContext,
  stream: Stream,
  requests: readonly StreamRequest[],
  make: (autocommit: () => boolean) => Work<T>,
): Promise<T> {
  const { engine } = session;
  const texts = requests.flatMap((request) => textsOf(stream, request));
  const outside = await loadOutside(session, stream, requests);
  const start = (rebuild?: Rebuild) =>
    new Transactions(session, stream, new Budget(session.limits, session.grant), make, rebuild, outside);
  // Decided in the same turn in which it then runs.
  const rebuilds = await enter(session.db.scope, () => {
    if (!session.grant.write || !rebuildsTables(engine, texts)) return { done: start().run() };
    if (stream.log.length > 0) throw interactive();
    return undefined;
  });
  if (rebuilds) return rebuilds.done;
  const done = await alone(engine, ctx, () =>
    withoutForeignKeys(engine, ctx, () => start(new Rebuild()).run()),
  );
  if (stream.log.length > 0) {
    stream.log = [];
    stream.failed = interactive();
  }
  return done;
}

function interactive(): DosqlError {
  return new DosqlError(
    'UNSUPPORTED_STATEMENT',
    'A table that others refer to cannot be rebuilt in an interactive transaction; send the statements as one batch (client.migrate).',
  );
}

/** @throws INVALID_ARGUMENT */
export function stepsOf(batch: Batch | undefined): Batch['steps'] {
  const steps = batch?.steps ?? [];
  if (Array.isArray(steps) && steps.every(Boolean)) return steps;
  throw new DosqlError('INVALID_ARGUMENT', 'The steps of a batch are an array of objects.');
}

/** Every text that a request may run; one that it stores is run by a later request, perhaps of the same pipeline. */
function textsOf(stream: Stream, { stmt, batch, sql, sql_id, type }: StreamRequest): string[] {
  const stmts = stepsOf(batch).map((step) => step.stmt);
  if (stmt) stmts.push(stmt);
  if (type === 'sequence' || type === 'store_sql')
    stmts.push({ ...(sql != null && { sql }), ...(sql_id != null && { sql_id }) });
  return stmts.flatMap((one) => {
    const text = one?.sql ?? stream.stored.get(one?.sql_id as number);
    return typeof text === 'string' ? text : [];
  });
}

/** @throws INVALID_ARGUMENT */
function textOf(stream: Stream, { sql, sql_id }: { sql?: string | null; sql_id?: number | null }): string {
  const text = sql ?? stream.stored.get(sql_id as number);
  if (typeof text === 'string') return text;
  throw new DosqlError('INVALID_ARGUMENT', 'There is neither sql nor a stored sql_id.');
}

function* work(
  session: Session,
  stream: Stream,
  requests: readonly StreamRequest[],
  autocommit: () => boolean,
): Work<StreamResult[]> {
  const results: StreamResult[] = [];
  const sequenced = { statements: 0 };
  for (const request of requests) {
    const { type } = request;
    try {
      const more = yield* respond(session, stream, request, autocommit, sequenced);
      results.push(
        'error' in more ? { type: 'error', error: more.error } : { type: 'ok', response: { type, ...more } },
      );
    } catch (error) {
      results.push({ type: 'error', error: hranaError(error) });
    }
  }
  return results;
}

function* respond(
  session: Session,
  stream: Stream,
  request: StreamRequest,
  autocommit: () => boolean,
  sequenced: { statements: number },
): Work<object | { error: HranaError }> {
  const { type, stmt, batch, sql_id } = request;
  switch (type) {
    case 'execute': {
      const answer = yield ask(stream, stmt);
      return 'ok' in answer ? { result: answer.ok } : answer;
    }
    case 'batch':
      return { result: yield* steps(stream, batch, autocommit) };
    case 'sequence': {
      const sql = textOf(stream, request);
      const spans = splitStatements(sql);
      sequenced.statements += spans.length;
      within('statements', session.limits.statements, sequenced.statements, 'Send several pipelines.');
      for (const { start, end } of spans) {
        const answer = yield { stmt: { want_rows: false }, sql: sql.slice(start, end) };
        if ('error' in answer) return answer;
      }
      return {};
    }
    case 'describe':
      return { result: describe(session, textOf(stream, request)) };
    case 'store_sql':
      within('stored texts', session.limits.statements, stream.stored.size + 1, 'Close some.');
      stream.stored.set(sql_id as number, textOf(stream, { sql: request.sql ?? null }));
      return {};
    case 'close_sql':
      stream.stored.delete(sql_id as number);
      return {};
    case 'get_autocommit':
      return { is_autocommit: autocommit() };
    case 'close':
      stream.log = [];
      stream.stored.clear();
      stream.failed = undefined;
      return {};
    default:
      throw new DosqlError('INVALID_ARGUMENT', 'This type of request is unknown.');
  }
}

function ask(stream: Stream, stmt: Stmt | undefined): Ask {
  return { stmt: stmt ?? {}, sql: textOf(stream, stmt ?? {}) };
}

/** The steps of a batch whose conditions hold, in order. */
export function* steps(
  stream: Stream,
  batch: Batch | undefined,
  autocommit: () => boolean,
): Work<BatchResult> {
  const result: BatchResult = { step_results: [], step_errors: [] };
  for (const { condition, stmt } of stepsOf(batch)) {
    let answer: Answer | undefined;
    try {
      if (!condition || holds(condition, result, autocommit)) answer = yield ask(stream, stmt);
    } catch (error) {
      answer = { error: hranaError(error) };
    }
    result.step_results.push(answer && 'ok' in answer ? answer.ok : null);
    result.step_errors.push(answer && 'error' in answer ? answer.error : null);
  }
  return result;
}

function holds(condition: Condition, result: BatchResult, autocommit: () => boolean): boolean {
  const one = (inner: Condition) => holds(inner, result, autocommit);
  switch (condition?.type) {
    case 'ok':
      return result.step_results[condition.step] != null;
    case 'error':
      return result.step_errors[condition.step] != null;
    case 'not':
      return !one(condition.cond);
    case 'and':
      if (Array.isArray(condition.conds)) return condition.conds.every(one);
      break;
    case 'or':
      if (Array.isArray(condition.conds)) return condition.conds.some(one);
      break;
    case 'is_autocommit':
      return autocommit();
  }
  throw new DosqlError('INVALID_ARGUMENT', 'A condition is none of Hrana.');
}
