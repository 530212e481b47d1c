import { type Database, DB, type Extension } from '../../../src/index.ts';
import { createHandler, type Handler, type HandlerOptions } from '../../../src/server/index.ts';
import { freshStub, inObject } from '../object.ts';

/** A handler inside a new object, and short ways to call it. */
export interface Served {
  db: Database;
  handler: Handler;
  storage: DurableObjectStorage;
  post<T = Record<string, unknown>>(
    path: string,
    body: unknown,
    headers?: HeadersInit,
  ): Promise<{ status: number; body: T }>;
  query<T = Record<string, unknown>>(sql: string, params?: unknown): Promise<{ status: number; body: T }>;
}

/** Runs `work` with a database that is served without tokens, unless `options` say otherwise. */
export function served<T>(
  work: (served: Served) => Promise<T>,
  options: Partial<HandlerOptions> = {},
  { schema = [], extensions = [] as Extension[] } = {} as {
    schema?: readonly string[];
    extensions?: Extension[];
  },
): Promise<T> {
  return inObject(async (storage, ctx) => {
    const db = await DB('served', { storage, ctx, extensions });
    for (const sql of schema) await db.run(sql);
    const handler = createHandler(db, { auth: () => ({ read: true, write: true }), ctx, ...options });
    const post: Served['post'] = async (path, body, headers) => {
      const response = await handler.fetch(
        new Request(`https://object.example${path}`, {
          method: 'POST',
          body: typeof body === 'string' ? body : JSON.stringify(body),
          ...(headers && { headers }),
        }),
      );
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
    };
    const query: Served['query'] = (sql, params) => post('/query', { sql, params });
    return work({ db, handler, storage, post, query });
  }, freshStub());
}
