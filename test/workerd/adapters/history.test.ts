import { and, asc, desc, eq, gte, isNull, lte, sql } from 'drizzle-orm';
import { Cache } from 'drizzle-orm/cache/core';
import { alias, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, test } from 'vitest';
import { asOf, diff, versions } from '../../../adapters/history.ts';
import { live } from '../../../adapters/live.ts';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { activeUsers, posts, schema, seed, users } from '../drizzle/schema.ts';
import { inObject } from '../object.ts';

const extensions = [changeLog({ tables: '*' }), timeTravel()] as const;

async function open(storage: DurableObjectStorage) {
  seed(storage);
  return drizzle(await DB('t', { storage, extensions }), { schema });
}
type Db = Awaited<ReturnType<typeof open>>;
const inDb = <T>(work: (db: Db, storage: DurableObjectStorage) => Promise<T>) =>
  inObject(async (storage) => work(await open(storage), storage));
const head = (db: Db) => ({ lsn: db.$client.log.head().lsn });

describe('asOf of a database', () => {
  test('reads every table as it was: selects, joins, views, relational queries, raw SQL', () =>
    inDb(async (db) => {
      const read = async (from: Pick<Db, 'select' | 'query' | 'all' | '$count'>) => [
        await from.select().from(users).orderBy(asc(users.id)),
        await from.select().from(posts).leftJoin(users, eq(users.id, posts.authorId)).orderBy(posts.id),
        await from.select().from(activeUsers).orderBy(activeUsers.id),
        await from.query.users.findMany({ with: { posts: true }, orderBy: desc(users.id) }),
        await from.query.users.findFirst({ where: eq(users.id, 3) }),
        await from.all(sql`select name from users where id = ${1}`),
        await from.$count(posts),
      ];
      const before = await read(db);
      const point = head(db);
      await db.update(users).set({ name: 'X', meta: null, active: false });
      await db.delete(posts).where(eq(posts.id, 1));
      await db.delete(users).where(eq(users.id, 3));
      const past = asOf(db, point);
      expect(await read(past)).toEqual(before);
      expect(await read(db)).not.toEqual(before);
      expect(await past.select().from(users).where(eq(users.id, 3)).get()).toEqual(
        (before[0] as unknown[])[2],
      );
    }));

  test('writes nothing', () =>
    inDb(async (db) => {
      const past = asOf(db, head(db)) as unknown as Db;
      for (const write of [
        past.delete(posts),
        past.update(posts).set({ title: 'x' }),
        past.run(sql`drop table posts`),
      ])
        await expect(write).rejects.toMatchObject({ cause: { code: 'READ_ONLY' } });
      expect(await db.$count(posts)).toBe(3);
    }));

  test('works with the synchronous driver, and on a database that opens later', () =>
    inDb(async (db, storage) => {
      const point = head(db);
      await db.delete(posts);
      const sync = drizzleSync(db.$client, { schema });
      expect(asOf(sync, point).select({ id: posts.id }).from(posts).all()).toEqual([
        { id: 1 },
        { id: 2 },
        { id: 3 },
      ]);
      const lazy = drizzle(() => DB('t', { storage, extensions }), { schema });
      expect(await asOf(lazy, point).query.posts.findMany({ columns: { id: true } })).toHaveLength(3);
      expect(await lazy.query.posts.findMany()).toEqual([]);
    }));

  test('does not ask the cache of the present', () =>
    inDb(async (db) => {
      let asked = 0;
      class Counting extends Cache {
        strategy = () => 'all' as const;
        get = async () => void asked++;
        put = async () => {};
        onMutate = async () => {};
      }
      const cached = drizzle(db.$client, { schema, cache: new Counting() });
      await asOf(cached, head(db)).select().from(posts);
      expect(asked).toBe(0);
      await cached.select().from(posts);
      expect(asked).toBe(1);
    }));

  test('says when the point is too old, or what is missing', () =>
    inDb(async (db, storage) => {
      expect(() => asOf(db, { lsn: -1 })).toThrow();
      expect(() => asOf(db, '2001-01-01')).toThrow(
        expect.objectContaining({ code: 'HISTORY_UNAVAILABLE', horizon: expect.anything() }),
      );
      expect(() => asOf(drizzle(storage), new Date())).toThrow(
        expect.objectContaining({ code: 'FEATURE_NOT_ENABLED' }),
      );
      await db.transaction(async (tx) => {
        expect(() => asOf(tx, new Date())).toThrow('not a transaction');
      });
    }));
});

describe('asOf of a table', () => {
  test('stands in from and in joins, decoded as the table', () =>
    inDb(async (db) => {
      const before = await db.select().from(users).orderBy(users.id);
      const point = head(db);
      await db
        .update(users)
        .set({ name: 'New', seenAt: new Date(7) })
        .where(eq(users.id, 1));
      await db.delete(users).where(eq(users.id, 3));
      const past = asOf(users, point);
      expect(await db.select().from(past).orderBy(past.id)).toEqual(before);
      expect(await db.select({ meta: past.meta }).from(past).where(eq(past.name, 'Ada'))).toEqual([
        { meta: { tags: ['a', 'b'] } },
      ]);
      const joined = await db
        .select()
        .from(posts)
        .innerJoin(past, eq(past.id, posts.authorId))
        .where(eq(posts.id, 3));
      expect(joined).toMatchObject([{ posts: { title: 'Third' }, users: before[2] }]);
    }));

  test('joins with its own present under another name, in transactions, too', () =>
    inDb(async (db) => {
      const point = head(db);
      await db.transaction(async (tx) => {
        await tx.update(users).set({ name: 'New' }).where(eq(users.id, 1));
        await tx.insert(users).values({ id: 4, name: 'Dee' });
        const old = asOf(alias(users, 'old'), point);
        const rows = await tx
          .select({ now: users.name, was: old.name })
          .from(users)
          .leftJoin(old, eq(old.id, users.id))
          .orderBy(users.id);
        expect(rows).toEqual([
          { now: 'New', was: 'Ada' },
          { now: 'Bob', was: 'Bob' },
          { now: 'Cy', was: 'Cy' },
          { now: 'Dee', was: null },
        ]);
        const whole = await tx
          .select()
          .from(users)
          .leftJoin(old, eq(old.id, users.id))
          .orderBy(desc(users.id));
        expect(whole[0]!.old).toBeNull();
        expect(whole[3]!.old).toMatchObject({ name: 'Ada', seenAt: new Date(1700000001234) });
      });
    }));

  test('takes dates and transactions, and names columns by casing', () =>
    inObject(async (storage) => {
      const database = await DB('t', { storage, extensions });
      const db = drizzle(database, { casing: 'snake_case' });
      const notes = sqliteTable('notes', { theId: integer().primaryKey(), theText: text() });
      await db.run(sql`create table notes (the_id integer primary key, the_text text)`);
      await db.insert(notes).values({ theId: 1, theText: 'a' });
      const { epoch, lsn } = database.log.head();
      await db.update(notes).set({ theText: 'b' });
      const old = asOf(notes, { transaction: `${epoch}.${lsn}` });
      expect(await db.select().from(old).where(eq(old.theText, 'a'))).toEqual([{ theId: 1, theText: 'a' }]);
      expect(await db.select().from(asOf(notes, new Date(Date.now() + 60_000)))).toEqual([
        { theId: 1, theText: 'b' },
      ]);
    }));
});

describe('versions', () => {
  test('gives each version of a row with when it was valid', () =>
    inDb(async (db) => {
      const start = head(db);
      const [first] = await db.select().from(users).where(eq(users.id, 1));
      await db.update(users).set({ name: 'B' }).where(eq(users.id, 1));
      await db.update(users).set({ name: 'C' }).where(eq(users.id, 1));
      const { lsn } = head(db);
      const all = versions(users);
      const rows = await db.select().from(all).where(eq(all.id, 1)).orderBy(all.rowEndLsn);
      expect(rows.map(({ name, rowStartLsn, rowEndLsn }) => [name, rowStartLsn, rowEndLsn])).toEqual([
        ['C', lsn, null],
        ['Ada', null, lsn - 1],
        ['B', lsn - 1, lsn],
      ]);
      const { rowStart, rowEnd, rowStartLsn, rowEndLsn, ...row } = rows[1]!;
      expect(row).toEqual(first);
      expect([rowStart, rowStartLsn, rowEndLsn]).toEqual([null, null, lsn - 1]);
      expect(rowEnd).toBeInstanceOf(Date);
      expect(rows[2]!.rowStart).toEqual(rowEnd);

      const range = versions(users, start, { lsn: lsn - 1 });
      const names = db.select({ name: range.name }).from(range).where(eq(range.id, 1));
      expect((await names).map(({ name }) => name).sort()).toEqual(['Ada', 'B']);
      const open = await db
        .select({ name: all.name, rowStart: all.rowStart })
        .from(all)
        .where(and(eq(all.id, 1), isNull(all.rowEnd)));
      expect(open).toEqual([{ name: 'C', rowStart: rows[0]!.rowStart }]);
      const late = db
        .select({ name: all.name })
        .from(all)
        .where(gte(all.rowEnd, new Date(Date.now() + 60_000)));
      expect(await late).toEqual([]);
      expect(await db.$count(db.select().from(all).where(lte(all.rowEnd, rows[2]!.rowEnd!)))).toBe(2);
    }));
});

describe('a live query', () => {
  test('follows the versions of a table', () =>
    inDb(async (db) => {
      const all = versions(posts);
      let told = () => {};
      const second = new Promise<void>((resolve) => {
        told = resolve;
      });
      const counts: number[] = [];
      const running = live(db.select().from(all).where(eq(all.id, 1)), (rows) => {
        if (counts.push(rows.length) === 2) told();
      });
      await running.ready;
      await db.update(posts).set({ title: 'y' }).where(eq(posts.id, 1));
      await second;
      expect(counts).toEqual([1, 2]);
      running.stop();
    }));
});

describe('diff', () => {
  test('gives the net changes between two points, decoded', () =>
    inDb(async (db) => {
      const from = head(db);
      const old = await db.select().from(users).orderBy(users.id);
      await db.update(users).set({ active: false }).where(eq(users.id, 1));
      await db.update(users).set({ name: 'Ann' }).where(eq(users.id, 1));
      await db.delete(users).where(eq(users.id, 3));
      await db.insert(users).values({ id: 8, name: 'Eve', meta: { tags: ['e'] } });
      await db.insert(users).values({ id: 9, name: 'gone again' });
      await db.delete(users).where(eq(users.id, 9));
      const now = await db.select().from(users).orderBy(users.id);
      const changes = await diff(db, users, from, head(db));
      expect(changes.sort((a, b) => a.key.id! - b.key.id!)).toEqual([
        { key: { id: 1 }, op: 'update', before: old[0], after: now[0] },
        { key: { id: 3 }, op: 'delete', before: old[2], after: null },
        { key: { id: 8 }, op: 'insert', before: null, after: now[2] },
      ]);
      expect(await diff(db, users, from, from)).toEqual([]);
    }));
});
