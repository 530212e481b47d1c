import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issueToken } from '../../../src/server/index.ts';
import { chapter, follow, send } from './newcomer.ts';
import { Project } from './project.ts';

/*
 * The README's chapters on what is outside of the object, run as they stand: files and archives in local R2, and the
 * unmodified drizzle-kit and a client against the server.
 */
const secret = randomBytes(32).toString('hex');
const project = new Project();
let url: string;

const GET = (path: string) => ({ method: 'GET', path });

beforeAll(async () => {
  const files = ['Quick start', 'Files as tables, and old rows in R2'].flatMap((name) =>
    chapter(name).filter(({ path }) => path?.endsWith('.ts')),
  );
  await follow(project, files);
  await follow(project, chapter('drizzle-kit and SQL clients on a live object'));
  project.install('drizzle-orm', 'drizzle-kit', '@libsql/client', 'wrangler');
  project.write('src/index.ts', WORKER);
  project.write('wrangler.toml', CONFIGURATION);
  ({ url } = await project.serve());
  process.env['DATABASE_URL'] = `${url}/acme/`;
  process.env['DATABASE_TOKEN'] = await issueToken(secret, { database: 'acme', access: 'write' });
});
afterAll(() => project.remove());

async function kit(command: string): Promise<string> {
  const { code, stdout, stderr } = await project.run('drizzle-kit', command);
  expect(code, stdout + stderr).toBe(0);
  return stdout + stderr;
}

test('rows of a Parquet file come in, old ones go to R2, and the query sees all', async () => {
  const rows = await send(url, GET('/archive'));
  expect(rows).toEqual({
    rows: [
      { kind: 'new', n: 1 },
      { kind: 'old', n: 2 },
    ],
    inObject: 1,
  });
});

describe('a live object', () => {
  test('is migrated and pushed to by the unmodified drizzle-kit', async () => {
    await kit('generate');
    await kit('migrate');
    expect(await kit('push')).toContain('No changes detected');
  });

  test('answers typed queries from outside', async () => {
    expect(await send(url, GET('/outside'))).toEqual([{ name: 'Ada', posts: [{ title: 'Notes' }] }]);
  });
});

const WORKER = `
import { DurableObject } from 'cloudflare:workers';
import { issueToken } from '@dotdo/dosql/server';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { archive } from './archive';
import { outside } from './outside';
import * as schema from './schema';
import type { Served } from './served';

export { Served } from './served';

interface Env {
  EVENTS: DurableObjectNamespace<Events>;
  SERVED: DurableObjectNamespace<Served>;
  FILES: R2Bucket;
  TOKEN_SECRET: string;
}

export class Events extends DurableObject<Env> {
  async run() {
    const { rows } = await archive(this.ctx.storage, this.env.FILES);
    return { rows, inObject: [...this.ctx.storage.sql.exec('SELECT * FROM events')].length };
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, origin } = new URL(request.url);
    if (pathname.startsWith('/acme/')) return env.SERVED.getByName('acme').fetch(request);
    if (pathname === '/archive') {
      const file = parquetWriteBuffer({
        columnData: [
          { name: 'id', data: [1, 2, 3], type: 'INT32' },
          { name: 'kind', data: ['old', 'old', 'new'], type: 'STRING' },
          { name: 'created_at', data: [90, 60, 1].map((days) => BigInt(Date.now() - days * 86_400_000)), type: 'INT64' },
        ],
      });
      await env.FILES.put('import/a.parquet', file);
      return Response.json(await env.EVENTS.getByName('events').run());
    }
    const token = await issueToken(env.TOKEN_SECRET, { database: 'acme', access: 'write' });
    const db = outside(origin + '/acme/', token);
    const [user] = await db.insert(schema.users).values({ name: 'Ada' }).returning();
    await db.insert(schema.posts).values({ authorId: user!.id, title: 'Notes' });
    return Response.json(
      await db.query.users.findMany({ columns: { name: true }, with: { posts: { columns: { title: true } } } }),
    );
  },
} satisfies ExportedHandler<Env>;
`;

const CONFIGURATION = `
name = "outside"
main = "src/index.ts"
compatibility_date = "2026-08-04"
vars = { TOKEN_SECRET = "${secret}" }

[[durable_objects.bindings]]
name = "EVENTS"
class_name = "Events"

[[durable_objects.bindings]]
name = "SERVED"
class_name = "Served"

[[r2_buckets]]
binding = "FILES"
bucket_name = "files"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Events", "Served"]
`;
