import { iterateRows } from '../engine/iterate.ts';
import { enter } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { Budget } from './budget.ts';
import { paramsFromJson, toJson } from './json.ts';
import { one } from './query.ts';
import { wireError } from './respond.ts';
import { leave, type Ran, reading, ready, redacted, turn } from './run.ts';
import type { Session } from './session.ts';

/** Rows that are handed over at once. */
const CHUNK = 256;

/**
 * `{ sql, params }`, answered with lines of JSON: `{ columns }`, one array per row, and `{ end: true, … }` or
 * `{ error }`. Rows are read as the client takes them. @throws DosqlError before the first line
 */
export async function streamRows(session: Session, said: Record<string, unknown>): Promise<Response> {
  const { sql, params } = said as { sql: string; params: unknown };
  const item = ready(session, sql, paramsFromJson(params));
  const lines =
    item.inspection.access === 'read' && item.plan.plain
      ? read(session, item)
      : ran(await one(session, sql, paramsFromJson(params)));
  // Errors of the first step are still the response's status.
  const first = await lines.next();
  const encoder = new TextEncoder();
  const until = Date.now() + session.limits.ms;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(first.value as string));
        // Nobody may keep a cursor open: it locks its tables against DDL.
        timer = setTimeout(
          () => void lines.return(undefined).then(() => controller.error(late())),
          session.limits.ms,
        );
      },
      async pull(controller) {
        try {
          if (Date.now() > until) throw late();
          const { done, value } = await lines.next();
          if (value) controller.enqueue(encoder.encode(value));
          if (!done) return;
        } catch (error) {
          await lines.return(undefined);
          controller.enqueue(encoder.encode(`${JSON.stringify({ error: wireError(error) })}\n`));
        }
        clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
        controller.close();
      },
      async cancel() {
        clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
        await lines.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
}

function late(): DosqlError {
  return new DosqlError('LIMIT_EXCEEDED', 'The rows were not taken in time. Ask for fewer.');
}

function text(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

async function* ran({ columns, rows, ...rest }: Ran): AsyncGenerator<string, undefined> {
  yield text([{ columns }]);
  for (let i = 0; i < rows.length; i += CHUNK)
    yield text(rows.slice(i, i + CHUNK).map((row) => row.map(toJson)));
  yield text([{ end: true, ...rest, lastInsertRowid: toJson(rest.lastInsertRowid) }]);
  return undefined;
}

async function* read(
  session: Session,
  { plan, values }: ReturnType<typeof ready>,
): AsyncGenerator<string, undefined> {
  const { engine, db } = session;
  const budget = new Budget(session.limits, session.grant);
  const rows = iterateRows(engine, turn(engine), plan, values, 'bigint', 'values') as Generator<unknown[]>;
  let over = false;
  /** The next rows; in the caller's turn, so that it never sees somebody's open transaction. */
  const take = (most: number): unknown[][] => {
    const taken: unknown[][] = [];
    while (taken.length < most) {
      const { done, value } = rows.next();
      if (done) {
        over = true;
        break;
      }
      budget.take(value);
      taken.push(value.map(toJson));
    }
    return taken;
  };
  const next = (most: number) => enter(db.scope, () => redacted(plan, values, () => take(most)));
  try {
    // The first step of a statement would write, if it did: undone like any other.
    const head = await enter(db.scope, () =>
      reading(engine, () => {
        const found = redacted(plan, values, () => take(CHUNK));
        return { found, columns: engine.names, counts: engine.counts };
      }),
    );
    const { columns, counts } = head;
    yield text([{ columns }]);
    for (let { found } = head; ; found = await next(CHUNK)) {
      if (found.length) yield text(found);
      if (over) break;
    }
    const { rowsRead, rowsWritten } = counts;
    yield text([{ end: true, rowsRead, rowsWritten, changes: 0, lastInsertRowid: 0 }]);
  } finally {
    leave(rows, session.limits.rows);
  }
  return undefined;
}
