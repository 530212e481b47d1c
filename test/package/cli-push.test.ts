import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { Workerd } from '../crash/workerd.ts';
import { Shell, tokenFor } from './cli/process.ts';

let workerd: Workerd;
let shell: Shell;
let token: string;

beforeAll(async () => {
  workerd = await Workerd.create('test/package/cli/worker.ts');
  await workerd.start();
  shell = await Shell.create('drizzle-kit', 'drizzle-orm', '@libsql/client');
  token = await tokenFor([
    'push',
    'pull',
    'loss',
    'virtual',
    'renamed',
    'named',
    'unread',
    'generated',
    'rules',
    'zero',
  ]);
});
afterAll(async () => {
  await shell.remove();
  await workerd.dispose();
});

const url = (name: string) => `${workerd.url}/databases/${name}/`;
const client = (name: string) => connect(url(name), { token });
const imports =
  "import { sqliteTable, integer, text, real, index, uniqueIndex, check } from 'drizzle-orm/sqlite-core';\nimport { sql } from 'drizzle-orm';\n";

async function push(name: string, schema: string, ...args: string[]) {
  shell.write('schema.ts', imports + schema);
  const { code, stdout, stderr } = await shell.dosql(token, [
    'push',
    url(name),
    '--schema',
    'schema.ts',
    '--json',
    ...args,
  ]);
  return {
    code,
    stderr,
    ...(JSON.parse(stdout) as { statements: string[]; applied: boolean; losesData: boolean }),
  };
}

const books = (columns: string) => `
export const books = sqliteTable('books', {
  id: integer().primaryKey(),
  author: integer().references(() => authors.id, { onDelete: 'cascade' }),
  ${columns}
});`;

/** The schema as it grows: what changes, and the tables behind it. */
const STEPS: [what: string, schema: string, rows: unknown[]][] = [
  [
    'new tables',
    `export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text(), born: text() });${books('title: text()')}`,
    [[1, 'Ada', '1815', 10, 'Notes']],
  ],
  [
    'a new column and an index',
    `export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text(), born: text(), mail: text() }, (t) => [index('by_name').on(t.name)]);${books('title: text()')}`,
    [[1, 'Ada', '1815', null, 10, 'Notes']],
  ],
  [
    'a type, in a table whose children cascade',
    `export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text(), born: integer(), mail: text() }, (t) => [index('by_name').on(t.name)]);${books('title: text()')}`,
    [[1, 'Ada', 1815, null, 10, 'Notes']],
  ],
  [
    'not null, a default, and a new column at once',
    `export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text().notNull().default('nobody'), born: integer(), mail: text(), rank: integer().default(7), loud: text().generatedAlwaysAs(sql\`upper(name)\`, { mode: 'stored' }) }, (t) => [index('by_name').on(t.name)]);${books('title: text()')}`,
    [[1, 'Ada', 1815, null, 7, 'ADA', 10, 'Notes']],
  ],
  [
    'a column without values gone, another index',
    `export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text().notNull().default('nobody'), born: integer(), rank: integer().default(7), loud: text().generatedAlwaysAs(sql\`upper(name)\`, { mode: 'stored' }) }, (t) => [uniqueIndex('one_name').on(t.name)]);${books('title: text()')}`,
    [[1, 'Ada', 1815, 7, 'ADA', 10, 'Notes']],
  ],
  [
    'the rule of a foreign key',
    `export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text().notNull().default('nobody'), born: integer(), rank: integer().default(7), loud: text().generatedAlwaysAs(sql\`upper(name)\`, { mode: 'stored' }) }, (t) => [uniqueIndex('one_name').on(t.name)]);${books('title: text()').replace("'cascade'", "'set null'")}`,
    [[1, 'Ada', 1815, 7, 'ADA', 10, 'Notes']],
  ],
];

describe('dosql push', () => {
  test.each(STEPS)('%s: no row is lost, and a second push finds no changes', async (what, schema, rows) => {
    const first = await push('push', schema);
    expect(first, what).toMatchObject({ code: 0, applied: true, losesData: false });
    const db = client('push');
    if (what === 'new tables') {
      await db.run("INSERT INTO authors VALUES (1, 'Ada', '1815')");
      await db.run("INSERT INTO books VALUES (10, 1, 'Notes')");
      await db.run(
        'CREATE TRIGGER kept AFTER UPDATE OF born ON authors BEGIN UPDATE books SET title = title; END',
      );
    }
    const found = await db.query(
      'SELECT a.*, b.id, b.title FROM authors a JOIN books b ON b.author = a.id',
      [],
      { rows: 'values' },
    );
    expect(found.rows).toEqual(rows);
    expect((await db.query("SELECT name FROM sqlite_master WHERE type='trigger'")).rows).toEqual([
      { name: 'kept' },
    ]);
    const second = await push('push', schema);
    expect(second.statements).toEqual([]);
    expect(second).toMatchObject({ code: 0, applied: false });
  });

  test('adds a column whose default is 0 or false, also to a table that is made anew, and keeps the rows', async () => {
    const schema = (columns: string) =>
      `export const t = sqliteTable('t', { id: integer().primaryKey()${columns} });`;
    await push('zero', schema(''));
    await client('zero').run('INSERT INTO t VALUES (1)');
    const zero =
      ', n: integer().notNull().default(0), b: integer({ mode: "boolean" }).notNull().default(false)';
    const wanted = [
      schema(zero),
      schema(`${zero.replace('default(0)', 'default(1)')}, m: integer().notNull().default(0)`),
    ];
    for (const text of wanted)
      expect(await push('zero', text)).toMatchObject({ code: 0, applied: true, losesData: false });
    expect((await client('zero').query('SELECT * FROM t')).rows).toEqual([{ id: 1, n: 0, b: 0, m: 0 }]);
  });

  test('adds a column that refers to a table with the rules of its key', async () => {
    const schema = (column: string) =>
      `export const p = sqliteTable('a parent', { id: integer().primaryKey() });
       export const c = sqliteTable('child', { id: integer().primaryKey()${column} });
       export const k = sqliteTable('checked', { id: integer().primaryKey() }, (t) => [check('c', sql\`\${t.id} > 0\`)]);`;
    await push('rules', schema(''));
    const wanted = schema(", q: text(), p: integer().references(() => p.id, { onDelete: 'cascade' })");
    expect(await push('rules', wanted)).toMatchObject({ code: 0, applied: true });
    const db = client('rules');
    await db.run('INSERT INTO "a parent" VALUES (1)');
    await db.run('INSERT INTO child (id, p) VALUES (1, 1), (2, NULL)');
    await db.run('DELETE FROM "a parent"');
    expect((await db.query('SELECT id FROM child')).rows).toEqual([{ id: 2 }]);
    expect((await push('rules', wanted)).statements).toEqual([]);
  });

  test('loses data only when it is told to, and then in one transaction', async () => {
    await push(
      'loss',
      `export const t = sqliteTable('t', { id: integer().primaryKey(), a: text(), b: text() });`,
    );
    const db = client('loss');
    await db.run("INSERT INTO t VALUES (1, 'a', 'b')");
    const smaller = `export const t = sqliteTable('t', { id: integer().primaryKey(), a: text() });`;
    shell.write('schema.ts', imports + smaller);
    const refused = await shell.dosql(token, ['push', url('loss'), '--schema', 'schema.ts']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('--yes') });
    expect(refused.stdout).toContain('DROP COLUMN');
    expect((await db.query('SELECT b FROM t')).rows).toEqual([{ b: 'b' }]);
    expect(await push('loss', smaller, '--dry-run', '--yes')).toMatchObject({
      code: 0,
      applied: false,
      losesData: true,
    });
    expect(await push('loss', smaller, '--yes')).toMatchObject({ code: 0, applied: true });
    expect((await db.query('SELECT * FROM t')).rows).toEqual([{ id: 1, a: 'a' }]);
  });

  test('finds no changes where drizzle-kit cannot read what is there: conditions and expressions of indexes, named keys', async () => {
    const schema = (
      condition: string,
      type = 'text',
    ) => `import { primaryKey } from 'drizzle-orm/sqlite-core';
export const t = sqliteTable('t', { id: integer('id'), a: ${type}('a') }, (t) => [
  primaryKey({ name: 'named_key', columns: [t.a, t.id] }),
  index('some').on(t.a).where(sql\`\${t.a} > '${condition}'\`),
  uniqueIndex('lower_a').on(sql\`lower(\${t.a})\`),
]);`;
    expect(await push('unread', schema('a'))).toMatchObject({ code: 0, applied: true });
    expect(await push('unread', schema('a'))).toMatchObject({ code: 0, applied: false, statements: [] });
    expect(await push('unread', schema('b'))).toMatchObject({ code: 0, applied: true });
    expect((await client('unread').query("SELECT sql FROM sqlite_master WHERE name='some'")).rows).toEqual([
      { sql: expect.stringContaining("> 'b'") },
    ]);
    // The table is made anew, and its indexes behind it.
    expect(await push('unread', schema('b', 'integer'))).toMatchObject({ code: 0, applied: true });
    expect(await push('unread', schema('b', 'integer'))).toMatchObject({ code: 0, statements: [] });
  });

  test('finds no changes in generated columns that call functions, also behind a rename', async () => {
    const schema = (expression: string, name = 'a') =>
      `export const t = sqliteTable('t', { id: integer().primaryKey(), a: text('${name}'), low: text().generatedAlwaysAs(sql\`${expression}\`) }, (t) => [index('by_low').on(t.low)]);`;
    expect(await push('generated', schema('lower(a)'))).toMatchObject({ code: 0, applied: true });
    expect(await push('generated', schema('lower(a)'))).toMatchObject({ code: 0, statements: [] });
    await client('generated').run('ALTER TABLE t RENAME COLUMN a TO b');
    expect(await push('generated', schema('lower(b)', 'b'))).toMatchObject({ code: 0, statements: [] });
    const changed = await push('generated', schema('upper(b)', 'b'), '--dry-run');
    expect(changed.statements.join()).toContain('upper(b)');
  });

  test('keeps the values of a column whose name looks like several, when its table is rebuilt', async () => {
    const names = (type: string) =>
      `export const t = sqliteTable('t', { id: integer().primaryKey(), a: ${type}('a'), pair: text('x, y'), call: text('f(x)') });`;
    await push('named', names('text'));
    const db = client('named');
    await db.run("INSERT INTO t VALUES (1, '7', 'b', 'c')");
    expect(await push('named', names('integer'))).toMatchObject({ code: 0, applied: true, losesData: false });
    expect((await db.query('SELECT * FROM t')).rows).toEqual([{ id: 1, a: 7, 'x, y': 'b', 'f(x)': 'c' }]);
  });

  test('reads drizzle.config.ts, leaves virtual tables alone, and applies nothing when a statement fails', async () => {
    const db = client('virtual');
    await db.run('CREATE VIRTUAL TABLE notes USING fts5(body)');
    await db.run("INSERT INTO notes VALUES ('kept')");
    shell.write('schema.ts', `${imports}export const t = sqliteTable('t', { a: text().unique() });`);
    shell.write(
      'drizzle.config.ts',
      `export default { dialect: 'turso', schema: './schema.ts', dbCredentials: { url: '${url('virtual')}' } };`,
    );
    expect(await shell.dosql(token, ['push'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('applied'),
    });
    expect((await db.query('SELECT * FROM notes')).rows).toEqual([{ body: 'kept' }]);
    await db.run("INSERT INTO t VALUES ('same'), ('other')");
    const failing = { statements: ['CREATE TABLE fresh (x)', "INSERT INTO t VALUES ('same')"] };
    await expect(
      db.request('migrate', { method: 'POST', body: JSON.stringify(failing) }),
    ).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
    expect((await db.query("SELECT 1 FROM sqlite_master WHERE name='fresh'")).rows).toEqual([]);
  });
});

describe('a rename', () => {
  test('is asked on a terminal; without one nothing is changed', async () => {
    await push('renamed', `export const t = sqliteTable('t', { id: integer().primaryKey(), a: text() });`);
    shell.write(
      'schema.ts',
      `${imports}export const t = sqliteTable('t', { id: integer().primaryKey(), b: text() });`,
    );
    const asked = await shell.dosql(token, ['push', url('renamed'), '--schema', 'schema.ts', '--yes']);
    expect(asked.code).toBe(1);
    expect((await client('renamed').query('SELECT a FROM t')).columns).toEqual(['a']);
  });
});

describe('dosql pull', () => {
  test('writes the schema of a database, with no table of the engine', async () => {
    await client('pull').run('CREATE TABLE planets (id INTEGER PRIMARY KEY, name TEXT NOT NULL)');
    const pulled = await shell.dosql(token, ['pull', url('pull'), '--out', 'pulled']);
    expect(pulled).toMatchObject({ code: 0 });
    const schema = shell.read('pulled/schema.ts');
    expect(schema).toContain('planets');
    expect(schema).not.toMatch(/_dosql|_cf_|miniflare/);
    expect(pulled.stdout + pulled.stderr).not.toContain(token);
  });
});
