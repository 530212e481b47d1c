import { afterAll, describe, expect, test } from 'vitest';
import { mistakes } from './compiler.ts';
import { chapter, follow, type Prepared, requestOf, send } from './newcomer.ts';
import { Project } from './project.ts';

/*
 * The README followed word by word: its files written, its commands run, its requests sent, against the packed
 * package. Nothing here knows what they are, except for the answers.
 */

describe('the quick start', () => {
  const project = new Project();
  let prepared: Prepared;
  afterAll(() => project.remove());

  test('writes files and runs commands that all succeed', async () => {
    prepared = await follow(project, chapter('Quick start'));
    expect(prepared).toMatchObject({ serve: [], requests: [{ method: 'POST' }, { method: 'GET' }] });
    expect(project.read('src/migrations.ts')).toContain('CREATE TABLE `users`');
  });

  test('type-checks with what the commands generated', () => {
    expect(
      mistakes(project, ['src/index.ts', 'src/schema.ts', 'src/migrations.ts', 'drizzle.config.ts']),
    ).toEqual([]);
  });

  test('serves its requests, and the rows are there again after a restart', async () => {
    const [write, read] = prepared.requests;
    const ada = {
      id: 1,
      name: 'Ada',
      email: 'ada@example.com',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
    };
    const first = await project.serve(...prepared.serve!);
    expect(await send(first.url, write!)).toEqual(ada);
    expect(await send(first.url, read!)).toEqual([{ ...ada, posts: [{ title: 'Notes' }] }]);
    expect(await send(first.url, { method: 'GET', path: '/?tenant=other' })).toEqual([]);
    // The address is unique: the second sign-up fails, and its transaction keeps nothing.
    const again = await fetch(first.url + write!.path, { method: 'POST', body: write!.body! });
    expect(again.status).toBe(500);
    await again.text();
    await first.stop();
    const second = await project.serve(...prepared.serve!);
    expect(await send(second.url, read!)).toEqual([{ ...ada, posts: [{ title: 'Notes' }] }]);
    await second.stop();
  });
});

describe('the chapter without Drizzle', () => {
  const project = new Project();
  afterAll(() => project.remove());

  test('runs in an object, and needs no drizzle-orm', async () => {
    await follow(project, chapter('Without Drizzle'));
    project.install('wrangler');
    project.write('src/index.ts', WORKER);
    project.write('wrangler.toml', CONFIGURATION);
    expect(mistakes(project, ['src/plain.ts', 'src/index.ts'])).toEqual([]);
    const { url, stop } = await project.serve();
    expect(await send(url, { method: 'GET', path: '/' })).toEqual({
      rows: [{ id: 1, body: 'first' }],
      columns: ['body'],
    });
    await stop();
  });
});

test('a request of the page is read as curl would read it', () => {
  expect(requestOf(['http://localhost:8787/a?b=c'])).toEqual({ method: 'GET', path: '/a?b=c' });
  expect(requestOf(['http://localhost:8787/', '-d', '{}'])).toEqual({
    method: 'POST',
    path: '/',
    body: '{}',
  });
});

const WORKER = `
import { DurableObject } from 'cloudflare:workers';
import { plain } from './plain';

interface Env { NOTES: DurableObjectNamespace<Notes> }

export class Notes extends DurableObject<Env> {
  async run() {
    return plain(this.ctx.storage);
  }
}

export default {
  async fetch(_request: Request, env: Env): Promise<Response> {
    return Response.json(await env.NOTES.getByName('notes').run());
  },
} satisfies ExportedHandler<Env>;
`;

const CONFIGURATION = `
name = "plain"
main = "src/index.ts"
compatibility_date = "2024-04-03"

[[durable_objects.bindings]]
name = "NOTES"
class_name = "Notes"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Notes"]
`;
