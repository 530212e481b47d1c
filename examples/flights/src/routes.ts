import { isDosqlError } from '@dotdo/dosql';
import { sql } from 'drizzle-orm';
import * as changes from './changes.ts';
import type { Tenant } from './database.ts';
import { versionsOf } from './history.ts';
import { watchRoutes } from './live.ts';
import { loaders } from './load.ts';
import * as queries from './queries.ts';
import { airports, flights, routes, timings } from './schema.ts';
import { traced } from './trace.ts';

type Work = (db: Tenant, code: string) => PromiseLike<unknown>;
type Loader = (db: Tenant, rows: never) => PromiseLike<unknown>;

/**
 * GET /:tenant/stats, GET /:tenant/queries/:name, POST /:tenant/changes/:name, POST /:tenant/load/:table,
 * GET /:tenant/history/airports/:code, GET /:tenant/live/routes/:code.
 * Answers `{ result, statements }`: what the work returned, and the SQL that it ran. Only `live` answers with events.
 */
export async function respond(db: Tenant, request: Request): Promise<Response> {
  const [, , group = '', name = '', code = ''] = new URL(request.url).pathname.split('/');
  // Not traced: it goes on after the request.
  if (request.method === 'GET' && group === 'live' && name === 'routes' && code) return watchRoutes(db, code);
  const work = await find(request, group, name);
  if (work instanceof Response) return work;
  try {
    return Response.json(await traced(async () => work(db, code)));
  } catch (error) {
    // Drizzle wraps what the database says.
    const cause = (error as Error).cause ?? error;
    if (!isDosqlError(cause)) throw error;
    const status = cause.code.endsWith('_VIOLATION') ? 409 : cause.code === 'INVALID_PARAMETER' ? 400 : 500;
    return Response.json({ error: cause.code, message: cause.message }, { status });
  }
}

async function find(request: Request, group: string, name: string): Promise<Work | Response> {
  const found = routing[`${request.method} ${group}`]?.(name);
  if (!found) return Response.json({ error: 'NOT_FOUND', ...menu }, { status: 404 });
  if (group !== 'load') return found as Work;
  const rows: unknown = await request.json().catch(() => undefined);
  if (Array.isArray(rows) && rows.length > 0 && rows.every((row) => row === Object(row))) {
    return (db) => (found as Loader)(db, rows as never);
  }
  return Response.json({ error: 'BAD_REQUEST', message: 'Send a JSON array of rows.' }, { status: 400 });
}

const routing: Readonly<Record<string, (name: string) => Work | Loader | undefined>> = {
  'GET stats': () => stats,
  'GET queries': (name) => entry<Work>(queries, name),
  'GET history': (name) => entry<Work>(history, name),
  'POST changes': (name) => entry<Work>(changes, name),
  'POST load': (name) => entry<Loader>(loaders, name),
};

const history = { airports: versionsOf };

function entry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

const menu = {
  stats: ['stats'],
  queries: Object.keys(queries),
  history: ['airports/HNL'],
  live: ['routes/JFK'],
  changes: Object.keys(changes),
  load: Object.keys(loaders),
};

/** Rows of every table, and the migrations that brought the object here. */
async function stats(db: Tenant) {
  const rows = {
    airports: await db.$count(airports),
    routes: await db.$count(routes),
    flights: await db.$count(flights),
    timings: await db.$count(timings),
  };
  const migrations = await db.all<{ name: string }>(sql`select name from __drizzle_migrations order by id`);
  return { rows, migrations: migrations.map(({ name }) => name) };
}
