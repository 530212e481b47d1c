import { eq, gt, inArray, sql } from 'drizzle-orm';
import { DrizzleQueryError, TransactionRollbackError } from 'drizzle-orm/errors';
import { describe, expect, test } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';
import { comments, posts, schema, seed, users } from './schema.ts';

const open = (storage: DurableObjectStorage) => {
  seed(storage);
  return drizzle(storage, { schema });
};
type Db = ReturnType<typeof open>;
const inDb = <T>(work: (db: Db, storage: DurableObjectStorage) => Promise<T>) =>
  inObject((storage) => work(open(storage), storage));

describe('queries', () => {
  test('every method answers with a promise', () =>
    inDb(async (db) => {
      const query = db.select({ id: users.id }).from(users).where(eq(users.id, 1));
      expect(await query).toEqual([{ id: 1 }]);
      expect(await query.all()).toEqual([{ id: 1 }]);
      expect(await query.get()).toEqual({ id: 1 });
      expect(await query.values()).toEqual([[1]]);
      expect((await query.run()).rows).toEqual([{ id: 1 }]);
      expect(await query.execute()).toEqual([{ id: 1 }]);
      expect(await db.select().from(users).where(eq(users.id, 99)).get()).toBeUndefined();
      expect(await db.query.users.findFirst({ where: eq(users.id, 99) })).toBeUndefined();
      expect(
        await db.query.users.findMany({
          columns: { name: true },
          with: { posts: { columns: { title: true } } },
          where: eq(users.id, 3),
        }),
      ).toEqual([{ name: 'Cy', posts: [{ title: 'Third' }] }]);
      const one = { columns: { id: true }, where: eq(users.id, 1) } as const;
      const first = db.query.users.findFirst(one).prepare();
      expect([await first.all(), await first.get(), await first.execute()]).toEqual(Array(3).fill({ id: 1 }));
      const many = db.query.users.findMany(one).prepare();
      expect([await many.all(), await many.get(), await many.execute()]).toEqual(Array(3).fill([{ id: 1 }]));
    }));

  test('raw SQL answers rows, a row, arrays and a result', () =>
    inDb(async (db) => {
      expect(await db.all(sql`select id from users where id > ${1} order by id`)).toEqual([
        { id: 2 },
        { id: 3 },
      ]);
      expect(await db.get(sql`select 1 as a`)).toEqual({ a: 1 });
      expect(await db.get(sql`select 1 where 0`)).toBeUndefined();
      expect(await db.values(sql`select 1 a, 2 a`)).toEqual([[1, 2]]);
      expect(await db.all('select 1 as a')).toEqual([{ a: 1 }]);
      expect((await db.run(sql`update users set name = 'x'`)).changes).toBe(3);
    }));

  test('raw parameters are encoded as everywhere: true is 1, a Date is ISO text, a bigint is exact', () =>
    inDb(async (db) => {
      const at = new Date(0);
      const [row] = await db.values(
        sql`select typeof(${2n ** 62n + 1n}), cast(${2n ** 62n + 1n} as text), ${true}, ${at}, ${new Uint8Array([1])}, ${null}`,
      );
      expect(row).toEqual([
        'integer',
        '4611686018427387905',
        1,
        '1970-01-01T00:00:00.000Z',
        new Uint8Array([1]),
        null,
      ]);
      for (const bad of [undefined, Number.NaN, { a: 1 }, Symbol('s')]) {
        await expect((async () => db.values(sql`select ${sql.param(bad)}`))()).rejects.toMatchObject({
          cause: { code: 'INVALID_PARAMETER' },
        });
      }
    }));

  test('a null for a placeholder is NULL, whatever the column', () =>
    inDb(async (db) => {
      const query = db
        .update(users)
        .set({ meta: sql.placeholder('meta') as never, seenAt: sql.placeholder('at') as never })
        .where(eq(users.id, 1))
        .prepare();
      await query.run({ meta: null, at: null });
      expect(await db.values(sql`select meta, seen_at from users where id = 1`)).toEqual([[null, null]]);
    }));

  test('a missing placeholder is PARAMETER_COUNT', () =>
    inDb(async (db) => {
      const query = db
        .select()
        .from(users)
        .where(eq(users.id, sql.placeholder('id')))
        .prepare();
      await expect(query.all({})).rejects.toMatchObject({
        cause: { code: 'PARAMETER_COUNT', message: 'No value for placeholder "id" was provided' },
      });
    }));

  test('inArray takes 5,000 values', () =>
    inDb(async (db) => {
      const ids = Array.from({ length: 5000 }, (_, i) => i + 2);
      expect((await db.select().from(users).where(inArray(users.id, ids))).map(({ id }) => id)).toEqual([
        2, 3,
      ]);
      expect(await db.query.users.findMany({ columns: { id: true }, where: inArray(users.id, ids) })).toEqual(
        [{ id: 2 }, { id: 3 }],
      );
      expect((await db.delete(users).where(inArray(users.id, ids))).changes).toBe(2);
    }));

  test('get reads one row', () =>
    inDb(async (db) => {
      await db.insert(posts).values(Array.from({ length: 50 }, (_, i) => ({ authorId: 1, title: `t${i}` })));
      const events: number[] = [];
      const storage = db.$client.storage;
      const watched = drizzle(await DB('w', { storage, onQuery: ({ rowsRead }) => events.push(rowsRead) }));
      await watched.select().from(posts).get();
      await watched.select().from(posts);
      expect(events).toEqual([1, 53]);
    }));
});

describe('results of run', () => {
  test('tell what changed, as a plain object', () =>
    inDb(async (db) => {
      const result = await db.insert(comments).values([{ postId: 1 }, { postId: 2 }]);
      expect({ ...result }).toEqual({
        rows: [],
        changes: 2,
        rowsAffected: 2,
        lastInsertRowid: 5,
        rowsRead: expect.any(Number),
        rowsWritten: 2,
      });
      expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
      expect(structuredClone(result)).toEqual({ ...result });
      expect(await db.update(comments).set({ body: 'x' }).where(gt(comments.id, 99))).toMatchObject({
        changes: 0,
      });
      expect(await db.delete(comments)).toMatchObject({ changes: 5, rowsAffected: 5 });
      expect(await db.run(sql`insert into comments (id, post_id) values (${2n ** 60n}, 1)`)).toMatchObject({
        lastInsertRowid: 2n ** 60n,
      });
      expect(await db.run(sql`create table t (a)`)).toMatchObject({
        changes: 0,
        lastInsertRowid: 0,
        rows: [],
      });
      expect((await db.run(sql`insert into t values (1) returning a`)).rows).toEqual([{ a: 1 }]);
    }));

  test('expire with the next write, unless they were read', () =>
    inDb(async (db) => {
      const first = await db.insert(comments).values({ postId: 1 });
      const second = await db.insert(comments).values({ postId: 1 });
      expect(() => first.changes).toThrow(expect.objectContaining({ code: 'RESULT_EXPIRED' }));
      expect(second.lastInsertRowid).toBe(5);
      await db.delete(comments);
      expect(second.changes).toBe(1);
    }));
});

describe('errors', () => {
  test('are DrizzleQueryErrors whose cause is a DosqlError', () =>
    inDb(async (db) => {
      const error = await db
        .insert(users)
        .values({ id: 1, name: 'A' })
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(DrizzleQueryError);
      expect(error).toMatchObject({
        query: expect.stringContaining('insert into "users"'),
        params: expect.arrayContaining([1, 'A']),
        cause: { name: 'DosqlError', code: 'UNIQUE_VIOLATION', table: 'users', columns: ['id'] },
      });
      for (const [query, code] of [
        ['select * from nowhere', 'NO_SUCH_TABLE'],
        ['selec', 'SYNTAX_ERROR'],
        ['', 'EMPTY_STATEMENT'],
        ['begin', 'TRANSACTION_CONTROL'],
        ['insert or rollback into users (name) values (1)', 'UNSUPPORTED_STATEMENT'],
      ] as const) {
        await expect(db.run(sql.raw(query)), query).rejects.toMatchObject({ cause: { code } });
      }
    }));

  test('of building a query reject the promise too', () =>
    inDb(async (db) => {
      const broken = db
        .select()
        .from(users)
        .where(eq(users.seenAt, 'no date' as never));
      await expect(broken.execute()).rejects.toThrow(TypeError);
      await expect(broken.catch((e: unknown) => Promise.reject(e))).rejects.toThrow(TypeError);
    }));

  test('of a client that is none say so', () => {
    expect(() => drizzle({} as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('transactions', () => {
  test('keep everything when the callback resolves, and nothing when it throws after an await', () =>
    inDb(async (db, storage) => {
      const name = await db.transaction(async (tx) => {
        await tx.insert(users).values({ name: 'T' });
        await storage.get('anything');
        return (await tx.query.users.findFirst({ where: eq(users.name, 'T') }))?.name;
      });
      expect(name).toBe('T');
      const boom = new Error('boom');
      await expect(
        db.transaction(async (tx) => {
          await tx.delete(users);
          await storage.get('anything');
          throw boom;
        }),
      ).rejects.toBe(boom);
      expect(await db.$count(users)).toBe(4);
    }));

  test('roll back with tx.rollback', () =>
    inDb(async (db) => {
      await expect(
        db.transaction(async (tx) => {
          await tx.delete(users);
          tx.rollback();
        }),
      ).rejects.toBeInstanceOf(TransactionRollbackError);
      expect(await db.$count(users)).toBe(3);
    }));

  test('nest as savepoints', () =>
    inDb(async (db) => {
      await db.transaction(async (tx) => {
        await tx.delete(comments);
        await tx
          .transaction(async (inner) => {
            await inner.delete(users);
            inner.rollback();
          })
          .catch(() => {});
        await tx.transaction((inner) => inner.delete(posts).where(eq(posts.id, 1)));
      });
      expect([await db.$count(users), await db.$count(posts), await db.$count(comments)]).toEqual([3, 2, 0]);
    }));

  test('hold back other calls, which are neither inside nor lost', () =>
    inDb(async (db, storage) => {
      const failing = db.transaction(async (tx) => {
        await tx.delete(users);
        await storage.get('anything');
        throw new Error('no');
      });
      const outside = db.insert(users).values({ name: 'outside' }).run();
      await expect(failing).rejects.toThrow('no');
      await outside;
      expect(await db.$count(users)).toBe(4);
    }));

  test('leave a dead handle behind', () =>
    inDb(async (db) => {
      let kept: Parameters<Parameters<Db['transaction']>[0]>[0] | undefined;
      await db.transaction(async (tx) => {
        kept = tx;
      });
      await expect(kept?.select().from(users).execute()).rejects.toMatchObject({
        cause: { code: 'TRANSACTION_CLOSED' },
      });
      await expect(kept?.transaction(async () => {})).rejects.toMatchObject({ code: 'TRANSACTION_CLOSED' });
    }));

  test('refuse the outer handle inside', () =>
    inDb(async (db) => {
      await expect(db.transaction(async () => db.select().from(users))).rejects.toMatchObject({
        cause: { code: 'USE_TRANSACTION_HANDLE' },
      });
    }));

  test('a call made behind one at once has its turn behind it, also during a long run of them', () =>
    inDb(async (db) => {
      for (let i = 0; i < 40; i++) {
        const seen: string[] = [];
        const query = async () => {
          await db.select().from(users);
          seen.push('query');
        };
        await Promise.all([db.transaction(async () => void seen.push('transaction')), query()]);
        expect(seen).toEqual(['transaction', 'query']);
        await db.transaction(async () => {});
      }
    }));
});

describe('batch', () => {
  test('answers each query as it would alone', () =>
    inDb(async (db) => {
      const [rows, written, returned, first, raw, values] = await db.batch([
        db.select({ id: users.id }).from(users).where(eq(users.id, 1)),
        db.update(users).set({ name: 'B' }).where(eq(users.id, 2)),
        db.insert(comments).values({ postId: 3 }).returning({ id: comments.id }),
        db.query.users.findFirst({ columns: { name: true }, where: eq(users.id, 2) }),
        db.all(sql`select 1 as one`),
        db.values(sql`select 2, 3`),
      ]);
      expect(rows).toEqual([{ id: 1 }]);
      expect(written.rowsWritten).toBe(1);
      expect(returned).toEqual([{ id: 4 }]);
      expect(first).toEqual({ name: 'B' });
      expect(raw).toEqual([{ one: 1 }]);
      expect(values).toEqual([[2, 3]]);
    }));

  test('takes prepared queries, with the values of their placeholders', () =>
    inDb(async (db) => {
      const named = db
        .select({ name: users.name })
        .from(users)
        .where(eq(users.id, sql.placeholder('id')))
        .prepare();
      const rename = db
        .update(users)
        .set({ name: sql`${sql.placeholder('name')}` })
        .where(eq(users.id, sql.placeholder('id')))
        .prepare();
      const first = db.query.users
        .findFirst({ columns: { name: true }, where: eq(users.id, sql.placeholder('id')) })
        .prepare();
      const count = db.select({ id: users.id }).from(users).orderBy(users.id).prepare();
      const [before, , , one, two, all] = await db.batch([
        [named, { id: 1 }],
        [rename, { id: 1, name: 'A' }],
        [rename, { id: 2, name: 'B' }],
        [first, { id: 1 }],
        [named, { id: 2 }],
        count,
      ]);
      expect([before, one, two, all]).toEqual([
        [{ name: 'Ada' }],
        { name: 'A' },
        [{ name: 'B' }],
        [{ id: 1 }, { id: 2 }, { id: 3 }],
      ]);
      const failed = db.batch([
        [rename, { id: 1, name: 'C' }],
        [named, {}],
      ]);
      await expect(failed).rejects.toMatchObject({
        query: expect.stringContaining('select "name"'),
        cause: { code: 'PARAMETER_COUNT' },
      });
      expect(await named.all({ id: 1 })).toEqual([{ name: 'A' }]);
    }));

  test('refuses prepared queries of another database, or of a transaction', () =>
    inDb(async (db, storage) => {
      const other = drizzle(storage, { schema }).select().from(users).prepare();
      await expect(db.batch([other])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      for (const wrong of [undefined, {}, Promise.resolve([]), db.$count(users)])
        await expect(db.batch([wrong as never])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      const inside = await db.transaction(async (tx) => tx.select().from(users).prepare());
      await expect(db.batch([inside])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));

  test('refuses queries that were built on a transaction that has ended, or on a database that is not open', () =>
    inDb(async (db, storage) => {
      const inside = await db.transaction(async (tx) => [tx.delete(users)] as const);
      await expect(db.batch(inside)).rejects.toMatchObject({ cause: { code: 'TRANSACTION_CLOSED' } });
      const lazy = drizzle(() => DB('lazy', { storage }), { schema });
      await expect(db.batch([lazy.delete(users)])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await lazy.$count(users);
      await db.batch([lazy.delete(comments)]);
      expect([await db.$count(users), await db.$count(comments)]).toEqual([3, 0]);
    }));

  test('keeps nothing when one query fails, and names it', () =>
    inDb(async (db) => {
      const error = await db
        .batch([db.delete(comments), db.insert(users).values({ id: 1, name: 'x' }), db.delete(posts)])
        .catch((e: unknown) => e);
      expect(error).toMatchObject({
        query: expect.stringContaining('insert into "users"'),
        cause: { code: 'UNIQUE_VIOLATION' },
      });
      expect(await db.$count(comments)).toBe(3);
    }));

  test('waits for a transaction', () =>
    inDb(async (db, storage) => {
      const order: string[] = [];
      const slow = db.transaction(async (tx) => {
        await tx.delete(comments);
        await storage.get('anything');
        order.push('transaction');
      });
      const batch = db
        .batch([db.select().from(comments)])
        .then(([rows]) => order.push(`batch ${rows.length}`));
      await Promise.all([slow, batch]);
      expect(order).toEqual(['transaction', 'batch 0']);
    }));
});

describe('opening', () => {
  test('a function opens on first use, once', () =>
    inObject(async (storage) => {
      seed(storage);
      let opened = 0;
      const db = drizzle(
        () => {
          opened++;
          return DB('lazy', { storage });
        },
        { schema },
      );
      expect(opened).toBe(0);
      const [rows, n] = await Promise.all([db.select().from(users), db.$count(users)]);
      expect([rows.length, n, opened]).toEqual([3, 3, 1]);
      expect((await db.$client).name).toBe('lazy');
      expect(await db.transaction((tx) => tx.$count(users))).toBe(3);
    }));

  test('a failed opening is tried again', () =>
    inObject(async (storage) => {
      seed(storage);
      let tries = 0;
      const db = drizzle(async () => {
        tries++;
        if (tries === 1) throw new Error('not yet');
        return DB('lazy', { storage });
      });
      await expect(db.select().from(users).execute()).rejects.toMatchObject({
        cause: { message: 'not yet' },
      });
      await expect(db.batch([db.select().from(users)])).resolves.toHaveLength(1);
      expect(tries).toBe(2);
    }));

  test('a promise of a database is waited for', () =>
    inObject(async (storage) => {
      seed(storage);
      const db = drizzle(DB('later', { storage }));
      expect(await db.$count(users)).toBe(3);
      const failed = drizzle(Promise.reject<never>(new Error('never')));
      await expect(failed.select().from(users).execute()).rejects.toMatchObject({
        cause: { message: 'never' },
      });
    }));

  test('a Database is used as it is', () =>
    inObject(async (storage) => {
      seed(storage);
      const database = await DB('mine', { storage });
      const db = drizzle(database, { schema });
      expect(db.$client).toBe(database);
      expect(await db.$count(users)).toBe(3);
    }));
});
