import { once } from 'node:events';
import { createServer } from 'node:net';
import { createClient } from '@libsql/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Tenants } from '../../conformance/hrana/tenants.ts';
import { Project } from './project.ts';

/*
 * The unmodified drizzle-kit as its users start it, on a live object. Each command is a process of its own.
 */
const project = new Project();
let tenants: Tenants;
beforeAll(async () => {
  project.install('drizzle-orm', 'drizzle-kit', '@libsql/client');
  tenants = await Tenants.start();
});
afterAll(async () => {
  await tenants.stop();
  await project.remove();
});

const BEFORE = `
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
export const users = sqliteTable('users', {
  id: integer('id').primaryKey(),
  email: text('email').notNull().unique(),
  age: integer('age'),
});
export const posts = sqliteTable('posts', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  author: integer('author').notNull().references(() => users.id, { onDelete: 'cascade' }),
  title: text('title').notNull(),
});
`;
/** The age becomes text and required, a table and a column come, so that the referenced table is rebuilt. */
const AFTER = `${BEFORE.replace("age: integer('age')", "age: text('age').notNull().default('?')").replace(
  "title: text('title').notNull(),",
  "title: text('title').notNull(), rank: integer('rank'),",
)}
export const tags = sqliteTable('tags', { id: integer('id').primaryKey(), name: text('name') });
`;

/** Points the project at a database and gives it a schema. */
function use(folder: string, { url, token }: { url: string; token: string }, schema: string): string {
  project.write(`${folder}/schema.ts`, schema);
  project.write(
    `${folder}/drizzle.config.ts`,
    `import { defineConfig } from 'drizzle-kit';
import { dosqlConfig } from '@dotdo/dosql/drizzle/kit';
export default defineConfig(dosqlConfig({ schema: './${folder}/schema.ts', out: './${folder}/out', url: ${JSON.stringify(url)}, token: ${JSON.stringify(token)} }));
`,
  );
  return `--config=${folder}/drizzle.config.ts`;
}

async function kit(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await project.run('drizzle-kit', ...args);
  const output = stdout + stderr;
  expect(code, output).toBe(0);
  return output;
}

async function fill({ url, token }: { url: string; token: string }): Promise<void> {
  const client = createClient({ url, authToken: token });
  await client.batch([
    "INSERT INTO users (id, email, age) VALUES (1, 'a@example.com', 7), (2, 'b@example.com', 8)",
    "INSERT INTO posts (author, title) VALUES (1, 'one'), (1, 'two'), (2, 'three')",
  ]);
  client.close();
}

const tablesOf = async (url: string) =>
  (
    await tenants.inside<{ name: string }>(
      url,
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1",
    )
  ).map(({ name }) => name);

describe('drizzle-kit on a database with the change log', () => {
  const kind = 'logged';

  test('generate and migrate: a table that others refer to is rebuilt, and no row is lost', async () => {
    const database = await tenants.create(kind);
    const config = use('migrate', database, BEFORE);
    await kit('generate', config);
    await kit('migrate', config);
    await fill(database);
    use('migrate', database, AFTER);
    expect(await kit('generate', config)).toContain('3 tables');
    const out = await kit('migrate', config);
    expect(out).not.toMatch(/error/i);
    expect(await tenants.inside(database.url, 'SELECT id, age FROM users')).toEqual([
      { id: 1, age: '7' },
      { id: 2, age: '8' },
    ]);
    expect(await tenants.inside(database.url, 'SELECT author, title, rank FROM posts ORDER BY id')).toEqual([
      { author: 1, title: 'one', rank: null },
      { author: 1, title: 'two', rank: null },
      { author: 2, title: 'three', rank: null },
    ]);
    expect(await tenants.inside(database.url, 'SELECT count(*) AS n FROM __drizzle_migrations')).toEqual([
      { n: 2 },
    ]);
    expect(await tenants.inside(database.url, 'PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
    // Again: nothing to do.
    await kit('migrate', config);
    expect(await tenants.inside(database.url, 'SELECT count(*) AS n FROM __drizzle_migrations')).toEqual([
      { n: 2 },
    ]);
  });

  test('push: new tables, then changed ones with rows and children; the second time there is nothing to do', async () => {
    const database = await tenants.create(kind);
    const config = use('push', database, BEFORE);
    expect(await kit('push', config, '--force')).toContain('Changes applied');
    await fill(database);
    use('push', database, AFTER);
    expect(await kit('push', config, '--force')).toContain('Changes applied');
    expect(await tenants.inside(database.url, 'SELECT author, title FROM posts ORDER BY id')).toHaveLength(3);
    expect(
      await tenants.inside(database.url, 'SELECT id, age, typeof(age) AS type FROM users'),
    ).toMatchObject([
      { id: 1, age: '7', type: 'text' },
      { id: 2, type: 'text' },
    ]);
    expect(await tablesOf(database.url)).toEqual(expect.arrayContaining(['posts', 'tags', 'users']));
    expect(await kit('push', config, '--force')).toContain('No changes detected');
  });

  test('pull: every table of the user, none of ours', async () => {
    const database = await tenants.create(kind);
    const config = use('pull', database, BEFORE);
    await kit('push', config, '--force');
    expect(await kit('pull', config)).toMatch(/2 *tables/);
    const schema = project.read('pull/out/schema.ts');
    expect(schema).toContain('sqliteTable("posts"');
    expect(schema).toContain('references(() => users.id, { onDelete: "cascade" }');
    expect(schema).not.toMatch(/dosql|miniflare|_cf_/);
    expect((await tablesOf(database.url)).some((name) => name.startsWith('_dosql_'))).toBe(true);
  });
});

test('studio answers its own requests', async () => {
  const database = await tenants.create();
  const config = use('studio', database, BEFORE);
  await kit('push', config, '--force');
  await fill(database);
  const port = await freePort();
  const child = project.start('drizzle-kit', ['studio', config, `--port=${port}`]);
  let output = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ask = async (body: object): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json();
  };
  await listening(child, port, () => output);
  expect(await ask({ type: 'init' })).toMatchObject({ dialect: 'sqlite', packageName: '@libsql/client' });
  const tables = {
    sql: "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
    mode: 'object',
    method: 'all',
  };
  expect(await ask({ type: 'proxy', data: tables })).toEqual([
    { name: 'posts' },
    { name: 'sqlite_sequence' },
    { name: 'users' },
  ]);
  const rows = { sql: 'SELECT id, email FROM users WHERE id > ?', params: [1], mode: 'array', method: 'all' };
  expect(await ask({ type: 'proxy', data: rows })).toEqual([[2, 'b@example.com']]);
  const transaction = [
    { sql: "UPDATE users SET email = 'c@example.com' WHERE id = 2", method: 'run' },
    { sql: 'SELECT email FROM users WHERE id = 2', method: 'all' },
  ];
  expect(await ask({ type: 'tproxy', data: transaction })).toMatchObject([[], [{ email: 'c@example.com' }]]);
  expect(await tenants.inside(database.url, 'SELECT email FROM users WHERE id = 2')).toEqual([
    { email: 'c@example.com' },
  ]);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when something answers on the port, rejects when the process ends before. */
async function listening(
  child: { exitCode: number | null },
  port: number,
  output: () => string,
): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`drizzle-kit studio ended:\n${output()}`);
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
