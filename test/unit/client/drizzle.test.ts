import { DrizzleQueryError, eq, gt, relations, sql } from 'drizzle-orm';
import { blob, integer, numeric, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest';
import { drizzle } from '../../../drizzle/client.ts';
import { connect } from '../../../src/client/index.ts';
import { Workerd } from '../../crash/workerd.ts';
import { tokenFor } from '../../package/cli/process.ts';

const users = sqliteTable('users', {
  id: integer().primaryKey(),
  name: text().notNull().unique(),
  born: integer({ mode: 'timestamp' }),
  tags: text({ mode: 'json' }).$type<string[]>(),
  photo: blob({ mode: 'buffer' }),
});
const posts = sqliteTable('posts', {
  id: integer().primaryKey(),
  author: integer().references(() => users.id),
  title: text(),
});
const schema = {
  users,
  posts,
  usersRelations: relations(users, ({ many }) => ({ posts: many(posts) })),
  postsRelations: relations(posts, ({ one }) => ({
    user: one(users, { fields: [posts.author], references: [users.id] }),
  })),
};

let workerd: Workerd;
const open = async () =>
  drizzle(connect(`${workerd.url}/databases/drizzle`, { token: await tokenFor('drizzle') }), { schema });
let db: Awaited<ReturnType<typeof open>>;

beforeAll(async () => {
  workerd = await Workerd.create('test/package/cli/worker.ts');
  await workerd.start();
  db = await open();
  await db.$client.batch([
    'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, born INTEGER, tags TEXT, photo BLOB)',
    'CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users(id), title TEXT)',
  ]);
});
afterAll(() => workerd.dispose());

const ada = { id: 1, name: 'Ada', born: new Date(1e12), tags: ['a', 'b'], photo: Buffer.from([0, 255]) };

test('the same typed queries run from outside', async () => {
  expect(
    await db
      .insert(users)
      .values([ada, { name: 'Bob' }])
      .returning(),
  ).toEqual([ada, { id: 2, name: 'Bob', born: null, tags: null, photo: null }]);
  const result = await db.insert(posts).values([
    { author: 1, title: 'x' },
    { author: 1, title: 'y' },
  ]);
  expect(result).toMatchObject({ changes: 2, rowsAffected: 2, lastInsertRowid: 2, rows: [] });
  const found = await db
    .select()
    .from(users)
    .innerJoin(posts, eq(posts.author, users.id))
    .where(gt(posts.id, 1));
  expect(found).toEqual([{ users: ada, posts: { id: 2, author: 1, title: 'y' } }]);
  expectTypeOf(found[0]!.users.tags).toEqualTypeOf<string[] | null>();
  expect(await db.select().from(users).where(eq(users.id, 99)).get()).toBeUndefined();
  expect(await db.query.users.findFirst({ columns: { name: true }, with: { posts: true } })).toEqual({
    name: 'Ada',
    posts: [
      { id: 1, author: 1, title: 'x' },
      { id: 2, author: 1, title: 'y' },
    ],
  });
  expect(
    await db.update(users).set({ name: 'Ann' }).where(eq(users.id, 2)).returning({ name: users.name }),
  ).toEqual([{ name: 'Ann' }]);
  expect(await db.$count(users)).toBe(2);
  const named = db
    .select({ id: users.id })
    .from(users)
    .where(eq(users.name, sql.placeholder('name')))
    .prepare();
  expect(await named.execute({ name: 'Ann' })).toEqual([{ id: 2 }]);
  expect(await db.all(sql`SELECT id, name FROM users WHERE id = ${2}`)).toEqual([{ id: 2, name: 'Ann' }]);
  expect(await db.get(sql`SELECT name FROM users WHERE id = ${1}`)).toEqual({ name: 'Ada' });
  expect(await db.values(sql`SELECT id, id FROM users`)).toEqual([
    [1, 1],
    [2, 2],
  ]);
});

test('casing names the columns that have no name, as in the object', async () => {
  const cased = drizzle(db.$client, { casing: 'snake_case', logger: false });
  const notes = sqliteTable('notes', { id: integer().primaryKey(), madeAt: integer({ mode: 'timestamp' }) });
  await db.$client.run('CREATE TABLE notes (id INTEGER PRIMARY KEY, made_at INTEGER)');
  const note = { id: 1, madeAt: new Date(5000) };
  expect(await cased.insert(notes).values(note).returning()).toEqual([note]);
  expect(await cased.batch([cased.select().from(notes).where(eq(notes.madeAt, note.madeAt))])).toEqual([
    [note],
  ]);
});

test('a batch is one transaction, and answers with the result of each query', async () => {
  const [inserted, all, one, count] = await db.batch([
    db.insert(users).values({ id: 7, name: 'Eve' }).returning({ id: users.id }),
    db.select({ id: users.id }).from(users).orderBy(users.id),
    db.query.users.findFirst({ columns: { id: true }, where: eq(users.id, 7) }),
    db.run(sql`DELETE FROM posts`) as never,
  ]);
  expect({ inserted, all, one }).toEqual({
    inserted: [{ id: 7 }],
    all: [{ id: 1 }, { id: 2 }, { id: 7 }],
    one: { id: 7 },
  });
  expect(count).toMatchObject({ changes: 2 });
  const failing = db.batch([
    db.insert(users).values({ id: 8, name: 'X' }),
    db.insert(users).values({ id: 9, name: 'Ada' }),
  ]);
  await expect(failing).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION' });
  expect(await db.$count(users)).toBe(3);
});

test('raw rows of a batch are what they are alone, and null for a placeholder is NULL', async () => {
  const raw = db.values(sql`SELECT id, name FROM users WHERE id = 1`);
  expect(await db.batch([raw as never, db.get(sql`SELECT name FROM users WHERE id = 1`) as never])).toEqual([
    [[1, 'Ada']],
    { name: 'Ada' },
  ]);
  const put = db
    .insert(users)
    .values({ id: 70, name: 'Nil', born: sql.placeholder('born'), tags: sql.placeholder('tags') })
    .prepare();
  await put.execute({ born: null, tags: null });
  await db
    .update(users)
    .set({ born: new Date(5000), tags: ['x'] })
    .where(eq(users.id, 2));
  expect(await db.all(sql`SELECT born, tags FROM users WHERE id IN (2, 70) ORDER BY id`)).toEqual([
    { born: 5, tags: '["x"]' },
    { born: null, tags: null },
  ]);
  await db.update(users).set({ born: null, tags: null }).where(eq(users.id, 2));
  await db.delete(users).where(eq(users.id, 70));
});

test('integers beyond 2^53-1 are exact in numeric columns of a client that may have them', async () => {
  const sums = sqliteTable('sums', { a: numeric(), b: numeric({ mode: 'bigint' }) });
  await db.$client.batch([
    'CREATE TABLE sums (a NUMERIC, b NUMERIC)',
    'INSERT INTO sums VALUES (9007199254740993, -9007199254740993)',
  ]);
  expect(await db.select({ b: sums.b }).from(sums)).toEqual([{ b: -9007199254740993n }]);
  await expect(db.select().from(sums).execute()).rejects.toMatchObject({
    cause: { code: 'INTEGER_OUT_OF_RANGE' },
  });
  const token = await tokenFor('drizzle');
  for (const integers of ['bigint', 'string'] as const) {
    const exact = drizzle(connect(`${workerd.url}/databases/drizzle`, { token, integers }));
    expect(await exact.select().from(sums)).toEqual([{ a: '9007199254740993', b: -9007199254740993n }]);
  }
});

test('errors keep their cause, and a transaction says what to use instead', async () => {
  const error = await db
    .insert(users)
    .values({ name: 'Ada' })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  expect(error).toBeInstanceOf(DrizzleQueryError);
  expect((error as DrizzleQueryError).cause).toMatchObject({ code: 'UNIQUE_VIOLATION', columns: ['name'] });
  const transaction = (db as unknown as { transaction(fn: () => void): Promise<void> }).transaction(() => {});
  await expect(transaction).rejects.toMatchObject({
    code: 'UNSUPPORTED_STATEMENT',
    message: expect.stringContaining('batch'),
  });
});

test('integers of related rows beyond 2^53-1 are an error, or what the client asks for; nothing is rounded', async () => {
  await db.$client.batch([
    "INSERT INTO users (id, name) VALUES (77, 'large')",
    "INSERT INTO posts (id, author, title) VALUES (9007199254740993, 77, '9007199254740993')",
  ]);
  const ask = { columns: { id: true }, with: { posts: true }, where: eq(users.id, 77) } as const;
  for (const failing of [db.query.users.findMany(ask), db.query.users.findFirst(ask)])
    await expect(
      failing.then(undefined, (error) => Promise.reject(error.cause ?? error)),
    ).rejects.toMatchObject({
      code: 'INTEGER_OUT_OF_RANGE',
    });
  await expect(db.batch([db.query.users.findMany(ask)])).rejects.toMatchObject({
    code: 'INTEGER_OUT_OF_RANGE',
  });
  const token = await tokenFor('drizzle');
  const exact = connect(`${workerd.url}/databases/drizzle`, { token, integers: 'bigint' });
  const post = { id: 9007199254740993n, author: 77, title: '9007199254740993' };
  expect(await drizzle(exact, { schema }).query.users.findFirst(ask)).toEqual({ id: 77, posts: [post] });
  await db.$client.run('DELETE FROM posts WHERE author = 77');
  expect(await db.query.users.findFirst(ask)).toEqual({ id: 77, posts: [] });
});
