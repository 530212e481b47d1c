import { eq, sql } from 'drizzle-orm';
import { Cache, type MutationOption } from 'drizzle-orm/cache/core';
import { integer, numeric, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, test } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';
import { comments, posts, schema, seed, users } from './schema.ts';

describe('the logger', () => {
  test('sees each statement once, with what is bound', () =>
    inObject(async (storage) => {
      seed(storage);
      const seen: [string, unknown[]][] = [];
      const logger = { logQuery: (query: string, params: unknown[]) => void seen.push([query, params]) };
      const db = drizzle(storage, { schema, logger });
      await db.select({ id: users.id }).from(users).where(eq(users.active, true));
      await db.query.users.findFirst({ columns: { id: true } });
      await db.insert(comments).values({ postId: 1 });
      await db.$count(comments);
      await db.transaction((tx) => tx.delete(comments));
      await db.batch([db.run(sql`select 1`)]);
      drizzleSync(storage, { logger }).select({ id: users.id }).from(users).get();
      expect(seen).toEqual([
        ['select "id" from "users" where "users"."active" = ?', [1]],
        ['select "id" from "users" "users" limit 1', []],
        [
          'insert into "comments" ("id", "post_id", "body", "flagged", "at", "extra") values (null, ?, null, null, null, null)',
          [1],
        ],
        ['select count(*) from "comments"', []],
        ['delete from "comments"', []],
        ['select 1', []],
        ['select "id" from "users" limit 1', []],
      ]);
    }));

  test('onQuery of the database sees them too', () =>
    inObject(async (storage) => {
      seed(storage);
      const seen: unknown[] = [];
      const db = drizzle(
        await DB('w', {
          storage,
          captureParams: true,
          onQuery: ({ sql: text, tables, params, error }) => seen.push([text, tables, params, !!error]),
        }),
      );
      await db.delete(comments).where(eq(comments.id, 1));
      await db.run(sql`insert into users (id, name) values (1, 'x')`).catch(() => {});
      expect(seen).toEqual([
        ['delete from "comments" where "comments"."id" = ?', ['comments'], [1], false],
        ["insert into users (id, name) values (1, 'x')", ['users'], [], true],
      ]);
    }));
});

describe('casing', () => {
  test.each(['snake_case', 'camelCase'] as const)('%s names columns without a name', (casing) =>
    inObject(async (storage) => {
      const t = sqliteTable('t', { myId: integer().primaryKey(), my_text: text() });
      const names = casing === 'snake_case' ? ['my_id', 'my_text'] : ['myId', 'myText'];
      storage.sql.exec(`CREATE TABLE t (${names[0]} INTEGER PRIMARY KEY, ${names[1]} TEXT)`);
      const db = drizzle(storage, { schema: { t }, casing });
      for (let i = 1; i <= 2; i++) {
        await db.insert(t).values({ my_text: `v${i}` });
        await db
          .update(t)
          .set({ my_text: `w${i}` })
          .where(eq(t.myId, i));
        expect(await db.select().from(t).where(eq(t.myId, i))).toEqual([{ myId: i, my_text: `w${i}` }]);
        expect(await db.query.t.findFirst({ where: eq(t.myId, i) })).toEqual({ myId: i, my_text: `w${i}` });
      }
    }),
  );
});

class MemoryCache extends Cache {
  readonly entries = new Map<string, { tables: string[]; rows: string }>();
  hits = 0;
  override strategy() {
    return 'explicit' as const;
  }
  override async get(key: string): Promise<unknown[] | undefined> {
    const entry = this.entries.get(key);
    if (entry) this.hits++;
    return entry && JSON.parse(entry.rows);
  }
  override async put(key: string, rows: unknown, tables: string[]): Promise<void> {
    this.entries.set(key, { tables, rows: JSON.stringify(rows) });
  }
  override async onMutate({ tables }: MutationOption): Promise<void> {
    const changed = [tables].flat();
    for (const [key, entry] of this.entries)
      if (entry.tables.some((table) => changed.includes(table))) this.entries.delete(key);
  }
}

describe('the cache', () => {
  test('answers what it knows until the table is written', () =>
    inObject(async (storage) => {
      seed(storage);
      const cache = new MemoryCache();
      const db = drizzle(storage, { schema, cache });
      const read = () => db.select().from(users).where(eq(users.id, 1)).$withCache();
      const [fresh] = await read();
      expect(await read()).toEqual([fresh]);
      expect(fresh?.createdAt).toBeInstanceOf(Date);
      expect(cache.hits).toBe(1);
      await db.update(users).set({ name: 'changed' }).where(eq(users.id, 1));
      expect((await read())[0]?.name).toBe('changed');
      await db.batch([db.update(users).set({ name: 'again' }).where(eq(users.id, 1))]);
      expect((await read())[0]?.name).toBe('again');
      expect((await db.select().from(users).where(eq(users.id, 1)).$withCache().get())?.name).toBe('again');
      await db.select().from(posts);
      expect(cache.hits).toBe(1);
      await db.$cache.invalidate({ tables: 'users' });
      expect(cache.entries.size).toBe(0);
    }));

  test('forgets what a transaction wrote when it commits, not before and not when it rolls back', () =>
    inObject(async (storage) => {
      seed(storage);
      const cache = new MemoryCache();
      const db = drizzle(storage, { schema, cache });
      const read = async () => (await db.select().from(users).where(eq(users.id, 1)).$withCache())[0]?.name;
      const rename = (name: string, after: () => unknown = () => {}) =>
        db.transaction(async (tx) => {
          await tx.transaction((inner) => inner.update(users).set({ name }).where(eq(users.id, 1)));
          expect(cache.entries.size).toBe(1);
          after();
        });
      expect(await read()).toBe('Ada');
      await rename('Eve');
      expect(await read()).toBe('Eve');
      const rolledBack = rename('Bob', () => {
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      expect(cache.entries.size).toBe(1);
      expect(await read()).toBe('Eve');
    }));

  test('keeps exact integers, also as JSON', () =>
    inObject(async (storage) => {
      storage.sql.exec('CREATE TABLE sums (n NUMERIC)');
      storage.sql.exec('INSERT INTO sums VALUES (9007199254740993), (5)');
      const sums = sqliteTable('sums', { n: numeric() });
      const cache = new MemoryCache();
      const db = drizzle(storage, { cache });
      for (let i = 0; i < 2; i++)
        expect(await db.select().from(sums).$withCache()).toEqual([{ n: '9007199254740993' }, { n: '5' }]);
      expect(cache.hits).toBe(1);
    }));

  test('keeps nothing that a transaction reads', () =>
    inObject(async (storage) => {
      seed(storage);
      const cache = new MemoryCache();
      const db = drizzle(storage, { schema, cache });
      await db
        .transaction(async (tx) => {
          await tx.update(users).set({ name: 'dirty' });
          await tx.select().from(users).$withCache();
          tx.rollback();
        })
        .catch(() => {});
      expect(cache.entries.size).toBe(0);
      expect((await db.select().from(users).$withCache())[0]?.name).toBe('Ada');
    }));
});

describe('integers beyond 2^53', () => {
  const wide = sqliteTable('wide', {
    id: integer().primaryKey(),
    n: integer(),
    d: numeric(),
    b: numeric({ mode: 'bigint' }),
  });
  const at = (storage: DurableObjectStorage) => {
    storage.sql.exec('CREATE TABLE wide (id INTEGER PRIMARY KEY, n INTEGER, d NUMERIC, b NUMERIC)');
    storage.sql.exec(
      'INSERT INTO wide VALUES (1, 9007199254740993, 9223372036854775807, -9223372036854775808)',
    );
  };

  test('throw from a plain integer column', () =>
    inObject(async (storage) => {
      at(storage);
      const db = drizzle(storage, { schema: { wide } });
      const code = { cause: { code: 'INTEGER_OUT_OF_RANGE' } };
      await expect(db.select({ n: wide.n }).from(wide).execute()).rejects.toMatchObject(code);
      await expect(db.select().from(wide).execute()).rejects.toMatchObject(code);
      await expect(db.query.wide.findMany().execute()).rejects.toMatchObject(code);
    }));

  test('are exact in numeric columns of mode string and bigint', () =>
    inObject(async (storage) => {
      at(storage);
      const db = drizzle(storage, { schema: { wide } });
      const row = { d: '9223372036854775807', b: -9223372036854775808n };
      expect(await db.select({ d: wide.d, b: wide.b }).from(wide)).toEqual([row]);
      expect(await db.query.wide.findMany({ columns: { d: true, b: true } })).toEqual([row]);
      expect(await db.update(wide).set({ id: 2 }).returning({ d: wide.d })).toEqual([{ d: row.d }]);
      expect(await db.update(wide).set({ id: 3 }).returning({ b: wide.b })).toEqual([{ b: row.b }]);
    }));

  test('follow the mode of the database', () =>
    inObject(async (storage) => {
      at(storage);
      const n = { throw: 0, bigint: 9007199254740993n, string: '9007199254740993', number: 9007199254740992 };
      for (const integers of ['bigint', 'string', 'number'] as const) {
        const db = drizzle(await DB('w', { storage, integers }));
        expect(await db.select().from(wide)).toEqual([
          { id: 1, n: n[integers], d: '9223372036854775807', b: -9223372036854775808n },
        ]);
      }
    }));

  test('are the same for raw rows, whatever is selected beside them', () =>
    inObject(async (storage) => {
      at(storage);
      const raw = (db: ReturnType<typeof drizzle>) => db.select({ n: wide.n, d: wide.d }).from(wide).values();
      await expect(raw(drizzle(storage))).rejects.toMatchObject({ cause: { code: 'INTEGER_OUT_OF_RANGE' } });
      const text = drizzle(await DB('w', { storage, integers: 'string' }));
      expect(await raw(text)).toEqual([['9007199254740993', 9223372036854775807n]]);
    }));

  test('make a date that is none, as any other number beyond its range', () =>
    inObject(async (storage) => {
      at(storage);
      const dates = sqliteTable('wide', {
        n: integer({ mode: 'timestamp' }),
        d: integer({ mode: 'timestamp_ms' }),
      });
      const none = new Date(Number.NaN);
      for (const integers of ['bigint', 'string', 'number'] as const) {
        const db = drizzle(await DB('w', { storage, integers }));
        expect(await db.select().from(dates)).toEqual([{ n: none, d: none }]);
      }
    }));

  test('are found inside relations, whose rows come as JSON', () =>
    inObject(async (storage) => {
      seed(storage);
      const db = drizzle(storage, { schema });
      await db.run(sql`insert into posts (id, author_id, title) values (9007199254740993, 2, 'wide')`);
      const query = { with: { posts: true } } as const;
      await expect(db.query.users.findMany(query).execute()).rejects.toMatchObject({
        cause: { code: 'INTEGER_OUT_OF_RANGE' },
      });
      const exact = drizzle(await DB('w', { storage, integers: 'bigint' }), { schema });
      expect((await exact.query.users.findFirst({ ...query, where: eq(users.id, 2) }))?.posts[0]?.id).toBe(
        9007199254740993n,
      );
    }));
});

describe('what it is opened on', () => {
  const error = expect.objectContaining({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('ctx.storage'),
  });

  test.each([[undefined], [null], ['db'], [1], [{}]])('cannot be %j', (client) => {
    expect(() => drizzleSync(client as never)).toThrow(error);
    expect(() => drizzle(client as never)).toThrow(error);
  });

  test.each([[undefined], [{}]])('cannot be a function that gives %j', (given) =>
    expect(drizzle((async () => given) as never).run(sql`select 1`)).rejects.toMatchObject({ cause: error }),
  );
});
