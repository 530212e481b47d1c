import { live } from '@dotdo/dosql/adapters/live';
import { eq } from 'drizzle-orm';
import type { Tenant } from './database.ts';
import { routes } from './schema.ts';

/** Server-sent events: the routes of an airport now, and what of them changed after every commit that changes any. */
export function watchRoutes(db: Tenant, origin: string): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const query = db.select().from(routes).where(eq(routes.origin, origin));
  // While a slow client has not read the last event, the write is pending, and further commits become one event.
  const board = live(query, (_rows, diff) =>
    writer.write(encoder.encode(`data: ${JSON.stringify(diff)}\n\n`)),
  );
  // The client has gone; or the query has failed, and the client is told.
  writer.closed.catch(() => board.stop());
  board.done.catch((error) => writer.abort(error));
  return new Response(readable, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  });
}
