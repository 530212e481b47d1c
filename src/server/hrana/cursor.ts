import { within } from '../budget.ts';
import { CONTROL, type HranaContext, inTurn, steps, stepsOf } from './pipeline.ts';
import type { Batch, BatchResult } from './proto.ts';

/** `POST /v3/cursor`: `{ baton, batch }`, answered with lines of JSON. @throws STREAM_EXPIRED, LIMIT_EXCEEDED */
export async function answerCursor(context: HranaContext, body: Record<string, unknown>): Promise<Response> {
  const { baton, batch } = body as { baton?: unknown; batch?: Batch };
  const { session, streams } = context;
  within('statements', session.limits.statements + CONTROL, stepsOf(batch).length, 'Send several batches.');
  const stream = streams.take(baton, session.grant);
  const request = { type: 'batch', ...(batch && { batch }) };
  const result = await inTurn(context, stream, [request], (autocommit) => steps(stream, batch, autocommit));
  const head = { baton: streams.keep(stream), base_url: null };
  const encoder = new TextEncoder();
  const lines = entries(head, result);
  const body_ = new ReadableStream<Uint8Array>({
    pull(controller) {
      let text = '';
      for (let taken = 0; taken < 256; taken++) {
        const { done, value } = lines.next();
        if (!done) text += `${JSON.stringify(value)}\n`;
        else if (taken === 0) return controller.close();
        else break;
      }
      controller.enqueue(encoder.encode(text));
    },
  });
  return new Response(body_, { headers: { 'content-type': 'application/x-ndjson' } });
}

function* entries(head: object, { step_results, step_errors }: BatchResult): Generator<object> {
  yield head;
  for (const [step, result] of step_results.entries()) {
    const error = step_errors[step];
    if (error) yield { type: 'step_error', step, error };
    if (!result) continue;
    yield { type: 'step_begin', step, cols: result.cols };
    for (const row of result.rows) yield { type: 'row', row };
    const { affected_row_count, last_insert_rowid } = result;
    yield { type: 'step_end', affected_row_count, last_insert_rowid };
  }
}
