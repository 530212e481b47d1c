import { isDosqlError } from '@dotdo/dosql';
import { sql } from 'drizzle-orm';
import * as changes from './changes.ts';
import type { Tenant } from './database.ts';
import { loaders } from './load.ts';
import * as queries from './queries.ts';
import { airports, flights, routes, timings } from './schema.ts';
import { traced } from './trace.ts';

type Work = (db: Tenant) => PromiseLike<unknown>;

/**
 * GET /:tenant/stats, GET /:tenant/queries/:name, POST /:tenant/changes/:name, POST /:tenant/load/:table.
 * Answers `{ result, statements }`: what the work returned, and the SQL that it ran.
 */
export async function respond(db: Tenant, request: Request): Promise<Response> {
  const work = await find(request);
  if (!work) return Response.json({ error: 'There is nothing here.', ...menu }, { status: 404 });
  try {
    return Response.json(await traced(async () => work(db)));
  } catch (error) {
    // Drizzle wraps what the database says.
    const cause = (error as Error).cause ?? error;
    if (!isDosqlError(cause)) throw error;
    return Response.json(
      { error: cause.code, message: cause.message },
      { status: cause.code.endsWith('_VIOLATION') ? 409 : 500 },
    );
  }
}

async function find(request: Request): Promise<Work | undefined> {
  const [, , group, name = ''] = new URL(request.url).pathname.split('/');
  switch (`${request.method} ${group}`) {
    case 'GET stats':
      return stats;
    case 'GET queries':
      return entry<Work>(queries, name);
    case 'POST changes':
      return entry<Work>(changes, name);
    case 'POST load': {
      const load = entry<(db: Tenant, rows: never) => Promise<void>>(loaders, name);
      const rows = (await request.json()) as never;
      return load && ((db) => load(db, rows));
    }
  }
}

function entry<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

const menu = {
  stats: ['stats'],
  queries: Object.keys(queries),
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
