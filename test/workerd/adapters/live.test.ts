import { asc, eq, gt, sql } from 'drizzle-orm';
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, test } from 'vitest';
import { type Diff, live } from '../../../adapters/live.ts';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { DB } from '../../../src/index.ts';
import { activeUsers, comments, posts, schema, seed, users } from '../drizzle/schema.ts';
import { freshStub, inObject } from '../object.ts';

const open = (storage: DurableObjectStorage) => {
  seed(storage);
  return drizzle(storage, { schema });
};
type Db = ReturnType<typeof open>;
const inDb = <T>(work: (db: Db, storage: DurableObjectStorage) => Promise<T>) =>
  inObject((storage) => work(open(storage), storage));

/** A callback that keeps what it was told, and says when it was told for the n-th time. */
function recorder<Rows, Row>() {
  const calls: { rows: Rows; diff: Diff<Row> }[] = [];
  const waiting = new Map<number, () => void>();
  return {
    calls,
    record(rows: Rows, diff: Diff<Row>): void {
      calls.push({ rows, diff });
      waiting.get(calls.length)?.();
    },
    calledTimes: (n: number) =>
      calls.length >= n ? Promise.resolve() : new Promise<void>((resolve) => waiting.set(n, resolve)),
  };
}

const none = { added: [], removed: [], changed: [], reordered: false };

describe('a live query', () => {
  test('calls back with the rows, decoded as in a select, and again after a commit with what changed', () =>
    inDb(async (db) => {
      const query = () => db.select().from(users).where(gt(users.id, 1)).orderBy(asc(users.id));
      const { calls, record, calledTimes } = recorder<
        (typeof users.$inferSelect)[],
        typeof users.$inferSelect
      >();
      const running = live(query(), record);
      await running.ready;
      const first = await query();
      expect(first[1]!.meta).toEqual({ tags: [] });
      expect(calls).toEqual([{ rows: first, diff: { ...none, added: first } }]);

      await db.update(users).set({ name: 'Bea', active: true }).where(eq(users.id, 2));
      await calledTimes(2);
      const second = await query();
      expect(calls[1]).toEqual({
        rows: second,
        diff: { ...none, changed: [{ before: first[0], after: second[0] }] },
      });
      expect(calls[1]!.rows[1]).toBe(calls[0]!.rows[1]);

      await db.batch([
        db.delete(users).where(eq(users.id, 3)),
        db.insert(users).values({ id: 9, name: 'Nia', seenAt: new Date(5) }),
      ]);
      await calledTimes(3);
      expect(calls[2]!.diff).toEqual({ ...none, added: [(await query())[1]], removed: [first[1]] });
      running.stop();
      await running.done;
    }));

  test('is not told of what does not change its result, nor after it was stopped', () =>
    inDb(async (db) => {
      const { calls, record } = recorder<{ id: number }[], { id: number }>();
      const running = live(db.select({ id: users.id }).from(users), record);
      await running.ready;
      await db.update(users).set({ name: 'x' });
      await db.insert(posts).values({ id: 7, authorId: 1, title: 't' });
      await running.refresh();
      expect(calls).toHaveLength(1);
      running.stop();
      await running.done;
      await db.delete(users);
      await running.refresh();
      expect(calls).toHaveLength(1);
    }));

  test('runs once for all that a request writes between its awaits', () =>
    inObject(async (storage) => {
      seed(storage);
      const texts: string[] = [];
      const db = drizzle(await DB('t', { storage, onQuery: (e) => void texts.push(e.sql) }));
      const { calls, record, calledTimes } = recorder<{ id: number }[], { id: number }>();
      const running = live(db.select({ id: posts.id }).from(posts).orderBy(asc(posts.id)), record);
      await running.ready;
      for (let id = 10; id < 60; id++) await db.insert(posts).values({ id, authorId: 1, title: 't' });
      await db.insert(comments).values({ id: 10, postId: 1 });
      await calledTimes(2);
      expect(calls[1]!.diff.added).toHaveLength(50);
      expect(texts.filter((text) => text.startsWith('select'))).toHaveLength(2);
      running.stop();
    }));

  test('never sees the inside of a transaction, and nothing of one that is rolled back', () =>
    inDb(async (db) => {
      const { calls, record, calledTimes } = recorder<{ n: number }[], { n: number }>();
      const running = live(db.select({ n: sql<number>`count(*)` }).from(posts), record);
      await running.ready;
      await db.transaction(async (tx) => {
        await tx.delete(posts);
        await tx.insert(posts).values({ id: 1, authorId: 1, title: 'only' });
      });
      await calledTimes(2);
      await expect(
        db.transaction(async (tx) => {
          await tx.delete(posts);
          tx.rollback();
        }),
      ).rejects.toThrow();
      await running.refresh();
      expect(calls.map(({ rows }) => rows)).toEqual([[{ n: 3 }], [{ n: 1 }]]);
      running.stop();
    }));

  test('follows joins by the keys of both tables, and relational queries', () =>
    inDb(async (db) => {
      const joined = recorder<unknown, { users: { id: number }; posts: { id: number } | null }>();
      const related = recorder<unknown, { id: number; posts: { title: string }[] }>();
      const one = recorder<{ name: string } | undefined, { name: string }>();
      const running = [
        live(
          db
            .select()
            .from(users)
            .leftJoin(posts, eq(posts.authorId, users.id))
            .orderBy(asc(users.id), asc(posts.id)),
          joined.record,
        ),
        live(
          db.query.users.findMany({ columns: { id: true }, with: { posts: { columns: { title: true } } } }),
          related.record,
        ),
        live(db.query.users.findFirst({ columns: { name: true }, where: eq(users.name, 'Cy') }), one.record),
      ];
      for (const { ready } of running) await ready;
      expect(one.calls).toEqual([{ rows: { name: 'Cy' }, diff: { ...none, added: [{ name: 'Cy' }] } }]);

      await db.update(posts).set({ title: 'Fourth' }).where(eq(posts.id, 3));
      await joined.calledTimes(2);
      await related.calledTimes(2);
      const [change] = joined.calls[1]!.diff.changed;
      expect(joined.calls[1]!.diff).toEqual({ ...none, changed: [change] });
      expect(change).toMatchObject({
        before: { posts: { title: 'Third' } },
        after: { posts: { title: 'Fourth' } },
      });
      expect(related.calls[1]!.diff).toEqual({
        ...none,
        changed: [
          { before: { id: 3, posts: [{ title: 'Third' }] }, after: { id: 3, posts: [{ title: 'Fourth' }] } },
        ],
      });

      await db.delete(users).where(eq(users.id, 3));
      await one.calledTimes(2);
      expect(one.calls[1]).toEqual({ rows: undefined, diff: { ...none, removed: [{ name: 'Cy' }] } });
      for (const query of running) query.stop();
    }));

  test('hears of writes through views, triggers and foreign keys, and of schema changes', () =>
    inObject(async (storage) => {
      seed(storage);
      for (const statement of [
        'CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT)',
        "CREATE TRIGGER noted AFTER UPDATE ON posts BEGIN INSERT INTO audit (what) VALUES ('p' || NEW.id); END",
        'CREATE TABLE likes (id INTEGER PRIMARY KEY, post INTEGER REFERENCES posts ON DELETE CASCADE)',
        'INSERT INTO likes VALUES (1, 1), (2, 2)',
        'CREATE VIEW seen AS SELECT * FROM active_users',
        "CREATE TRIGGER into_seen INSTEAD OF INSERT ON seen BEGIN INSERT INTO users (id, name) VALUES (NEW.id, 'by view'); END",
      ])
        storage.sql.exec(statement);
      const db = drizzle(storage);
      const audit = sqliteTable('audit', { id: integer().primaryKey(), what: text() });
      const likes = sqliteTable('likes', { id: integer().primaryKey(), post: integer() });
      const names = recorder<unknown, { name: string }>();
      const notes = recorder<{ id: number; what: string | null }[], unknown>();
      const liked = recorder<{ id: number; post: number | null }[], unknown>();
      const running = [
        live(db.select({ name: activeUsers.name }).from(activeUsers), names.record),
        live(db.select().from(audit), notes.record),
        live(db.select().from(likes), liked.record),
      ];
      for (const { ready } of running) await ready;

      await db.run(sql`insert into seen (id) values (70)`);
      await names.calledTimes(2);
      expect(names.calls[1]!.diff.added).toEqual([{ name: 'by view' }]);

      await db.update(posts).set({ title: 'x' }).where(eq(posts.id, 2));
      await notes.calledTimes(2);
      expect(notes.calls[1]!.rows).toEqual([{ id: 1, what: 'p2' }]);

      await db.delete(posts).where(eq(posts.id, 2));
      await liked.calledTimes(2);
      expect(liked.calls[1]!.rows).toEqual([{ id: 1, post: 1 }]);

      await db.run(sql`create trigger too after insert on comments begin delete from likes; end`);
      await db.insert(comments).values({ id: 30, postId: 1 });
      await liked.calledTimes(3);
      expect(liked.calls[2]!.rows).toEqual([]);
      for (const query of running) query.stop();
    }));

  test('tells that rows only changed places', () =>
    inDb(async (db) => {
      const { calls, record, calledTimes } = recorder<{ id: number }[], { id: number }>();
      const running = live(db.select({ id: users.id }).from(users).orderBy(asc(users.name)), record);
      await running.ready;
      await db.update(users).set({ name: 'Zoe' }).where(eq(users.id, 1));
      await calledTimes(2);
      expect(calls[1]).toEqual({
        rows: [{ id: 2 }, { id: 3 }, { id: 1 }],
        diff: { ...none, reordered: true },
      });
      running.stop();
    }));

  test('counts equal rows where nothing tells them apart, and takes a key of the caller', () =>
    inDb(async (db) => {
      const rows = recorder<unknown, { authorId: number; title: string }>();
      const keyed = recorder<unknown, { authorId: number; title: string }>();
      const query = () => db.select({ authorId: posts.authorId, title: posts.title }).from(posts);
      const running = [
        live(query(), rows.record),
        live(query(), keyed.record, { key: ({ authorId, title }) => `${authorId} ${title[0]}` }),
      ];
      for (const { ready } of running) await ready;
      await db.insert(posts).values([
        { id: 8, authorId: 1, title: 'First' },
        { id: 9, authorId: 1, title: 'First' },
      ]);
      await rows.calledTimes(2);
      await keyed.calledTimes(2);
      const first = { authorId: 1, title: 'First' };
      expect(rows.calls[1]!.diff).toEqual({ ...none, added: [first, first] });
      await db.delete(posts).where(gt(posts.id, 7));
      await rows.calledTimes(3);
      await keyed.calledTimes(3);
      expect(rows.calls[2]!.diff).toEqual({ ...none, removed: [first, first] });
      await db.update(posts).set({ title: 'Foremost' }).where(eq(posts.id, 1));
      await rows.calledTimes(4);
      await keyed.calledTimes(4);
      const after = { authorId: 1, title: 'Foremost' };
      expect(rows.calls[3]!.diff).toEqual({ ...none, added: [after], removed: [first] });
      expect(keyed.calls[3]!.diff).toEqual({ ...none, changed: [{ before: first, after }] });
      for (const query of running) query.stop();
    }));

  test('tells composite keys and exact integers apart', () =>
    inObject(async (storage) => {
      const db = drizzle(await DB('t', { storage, integers: 'bigint' }));
      const pairs = sqliteTable('pairs', { a: text(), b: integer(), big: integer() }, (t) => [
        primaryKey({ columns: [t.a, t.b] }),
      ]);
      await db.run(sql`create table pairs (a text, b integer, big integer, primary key (a, b))`);
      await db.run(sql`insert into pairs values ('x', 1, 9007199254740993), ('x', 2, 1), ('y', 1, 1)`);
      const { calls, record, calledTimes } = recorder<unknown, typeof pairs.$inferSelect>();
      const running = live(db.select().from(pairs), record);
      await running.ready;
      await db.run(sql`update pairs set big = 9007199254740992 where b = 1 and a = 'x'`);
      await calledTimes(2);
      expect(calls[1]!.diff).toEqual({
        ...none,
        changed: [
          {
            before: { a: 'x', b: 1, big: 9007199254740993n },
            after: { a: 'x', b: 1, big: 9007199254740992n },
          },
        ],
      });
      running.stop();
    }));

  test('waits for the callback and then tells all that came meanwhile at once', () =>
    inDb(async (db) => {
      const seen: number[] = [];
      let entered = () => {};
      const second = new Promise<void>((resolve) => {
        entered = resolve;
      });
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const running = live(db.select().from(posts), async (rows) => {
        seen.push(rows.length);
        if (seen.length !== 2) return;
        entered();
        await held;
      });
      await running.ready;
      await db.insert(posts).values({ id: 10, authorId: 1, title: 't' });
      await second;
      await db.insert(posts).values({ id: 11, authorId: 1, title: 't' });
      const third = running.refresh();
      await db.insert(posts).values({ id: 12, authorId: 1, title: 't' });
      release();
      await third;
      expect(seen).toEqual([3, 4, 6]);
      running.stop();
    }));

  test('works with the synchronous driver, and on a database that opens later', () =>
    inObject(async (storage) => {
      seed(storage);
      const sync = drizzleSync(storage, { schema });
      const lazy = drizzle(() => DB('t', { storage }), { schema });
      const all = recorder<{ id: number }[], unknown>();
      const counted = recorder<{ n: number }[], unknown>();
      const running = [
        live(sync.query.posts.findMany({ columns: { id: true } }), all.record),
        live(lazy.select({ n: sql<number>`count(*)` }).from(posts), counted.record),
      ];
      for (const { ready } of running) await ready;
      sync.transaction((tx) => tx.delete(posts).where(gt(posts.id, 1)).run());
      await all.calledTimes(2);
      await counted.calledTimes(2);
      expect(all.calls[1]!.rows).toEqual([{ id: 1 }]);
      expect(counted.calls[1]!.rows).toEqual([{ n: 1 }]);
      for (const query of running) query.stop();
    }));

  test('hears of what later requests of the object write', async () => {
    const stub = freshStub();
    const { calls, record, calledTimes } = recorder<{ id: number }[], unknown>();
    let running: ReturnType<typeof live> | undefined;
    await inObject(async (storage) => {
      running = live(open(storage).select({ id: posts.id }).from(posts), record);
      await running.ready;
    }, stub);
    await inObject((storage) => drizzle(storage).delete(posts).where(gt(posts.id, 1)), stub);
    await inObject(() => calledTimes(2), stub);
    expect(calls[1]!.rows).toEqual([{ id: 1 }]);
    running!.stop();
  });

  test('ends with the error of the query or of the callback, or tells it and goes on', () =>
    inDb(async (db) => {
      const failing = live(db.select().from(posts), () => {
        throw new RangeError('full');
      });
      await expect(failing.ready).rejects.toThrow('full');
      await expect(failing.done).rejects.toThrow(RangeError);

      const errors: unknown[] = [];
      const { calls, record, calledTimes } = recorder<unknown[], unknown>();
      const running = live(db.select().from(posts), record, { onError: (error) => errors.push(error) });
      await running.ready;
      await db.run(sql`alter table posts rename to gone`);
      await expect(running.refresh()).rejects.toMatchObject({ cause: { code: 'NO_SUCH_TABLE' } });
      await db.run(sql`alter table gone rename to posts`);
      await db.delete(posts);
      await calledTimes(2);
      expect(calls[1]!.rows).toEqual([]);
      expect(errors.length).toBeGreaterThan(0);
      running.stop();
    }));

  test('refuses what is no query of a database', () =>
    inDb(async (db) => {
      const refused = { code: 'INVALID_ARGUMENT' };
      const callback = () => {};
      expect(() => live(db.insert(posts).values({ id: 5, authorId: 1, title: 't' }), callback)).toThrow(
        expect.objectContaining(refused),
      );
      expect(() => live(db.select().from(posts).execute() as never, callback)).toThrow(
        expect.objectContaining(refused),
      );
      await db.transaction(async (tx) => {
        expect(() => live(tx.select().from(posts), callback)).toThrow(expect.objectContaining(refused));
      });
    }));

  test('leaves no work to writes once the last one has stopped', () =>
    inDb(async (db) => {
      const { engine } = db.$client.scope;
      const hooks = () => [engine.commitHooks.length, engine.schemaHooks.length];
      const before = hooks();
      const running = [live(db.select().from(posts), () => {}), live(db.select().from(users), () => {})];
      for (const { ready } of running) await ready;
      expect(hooks()).toEqual(before.map((n) => n + 1));
      for (const query of running) {
        query.stop();
        await query.done;
      }
      expect(hooks()).toEqual(before);
    }));
});
