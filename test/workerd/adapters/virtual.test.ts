import { env } from 'cloudflare:test';
import { and, eq, gt, relations, sql } from 'drizzle-orm';
import { alias, blob, integer, numeric, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, test } from 'vitest';
import { virtualTable } from '../../../adapters/virtual.ts';
import { drizzle } from '../../../drizzle/index.ts';
import { DB } from '../../../src/index.ts';
import { virtualTables } from '../../../src/virtual/index.ts';
import { inObject } from '../object.ts';

const users = sqliteTable('users', { id: integer().primaryKey(), name: text().notNull() });
const sales = virtualTable(
  'r2://b/drizzle/sales/*.json',
  {
    id: integer().notNull(),
    userId: integer('user_id').notNull(),
    paid: integer({ mode: 'boolean' }),
    tags: text({ mode: 'json' }).$type<string[]>(),
    at: integer({ mode: 'timestamp' }),
    atMs: integer('at_ms', { mode: 'timestamp_ms' }),
    amount: real(),
  },
  { name: 'sales' },
);
const typed = virtualTable('r2://b/drizzle/typed.parquet', {
  flag: integer({ mode: 'boolean' }),
  at: integer({ mode: 'timestamp_ms' }),
  big: blob({ mode: 'buffer' }),
  price: numeric(),
});
const schema = {
  users,
  sales,
  userRelations: relations(users, ({ many }) => ({ sales: many(sales) })),
  saleRelations: relations(sales, ({ one }) => ({
    user: one(users, { fields: [sales.userId], references: [users.id] }),
  })),
};

beforeAll(async () => {
  await env.BUCKET.put(
    'drizzle/sales/a.json',
    JSON.stringify([
      {
        id: 1,
        user_id: 1,
        paid: true,
        tags: ['x'],
        at: '2026-01-02T03:04:05.678Z',
        at_ms: '2026-01-02T03:04:05.678Z',
        amount: 10,
      },
      { id: 2, user_id: 1, paid: false, tags: null, at: '2026-01-02 03:04:05', at_ms: 7, amount: 2.5 },
      { id: 3, user_id: 2 },
    ]),
  );
  await env.BUCKET.put(
    'drizzle/typed.parquet',
    parquetWriteBuffer({
      columnData: [
        { name: 'flag', type: 'BOOLEAN', data: [true, false] },
        { name: 'at', type: 'TIMESTAMP', data: [new Date(5), new Date(1e12)] },
        { name: 'big', type: 'BYTE_ARRAY', data: [new Uint8Array([1, 2]), new Uint8Array()] },
        { name: 'price', type: 'DOUBLE', data: [1.5, 2] },
      ],
    }),
  );
});

function withDrizzle<T>(work: (db: ReturnType<typeof open>) => Promise<T>): Promise<T> {
  return inObject(async (storage) => {
    const db = open(storage);
    await db.run(sql`CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)`);
    await db.insert(users).values([
      { id: 1, name: 'Ada' },
      { id: 2, name: 'Bob' },
    ]);
    return work(db);
  });
}

const open = (storage: DurableObjectStorage) =>
  drizzle(() => DB('virtual', { storage, extensions: [virtualTables({ r2: { b: env.BUCKET } })] }), {
    schema,
    casing: 'snake_case',
  });

describe('a virtual table of Drizzle', () => {
  test('is decoded through its columns', () =>
    withDrizzle(async (db) => {
      const rows = await db.select().from(sales).orderBy(sales.id);
      const at = new Date('2026-01-02T03:04:05Z');
      expect(rows).toEqual([
        { id: 1, userId: 1, paid: true, tags: ['x'], at, atMs: new Date(Number(at) + 678), amount: 10 },
        { id: 2, userId: 1, paid: false, tags: null, at, atMs: new Date(7), amount: 2.5 },
        { id: 3, userId: 2, paid: null, tags: null, at: null, atMs: null, amount: null },
      ]);
    }));

  test('joins tables of the object, aliased or not', () =>
    withDrizzle(async (db) => {
      const joined = await db
        .select()
        .from(users)
        .innerJoin(sales, and(eq(sales.userId, users.id), gt(sales.amount, 3)));
      expect(joined).toMatchObject([{ users: { name: 'Ada' }, sales: { id: 1, paid: true } }]);
      const other = alias(sales, 'other');
      const pairs = await db
        .select({ a: sales.id, b: other.id })
        .from(sales)
        .innerJoin(other, and(eq(other.userId, sales.userId), gt(other.id, sales.id)));
      expect(pairs).toEqual([{ a: 1, b: 2 }]);
      expect(await db.$count(sales, eq(sales.userId, 1))).toBe(2);
    }));

  test('takes part in relational queries', () =>
    withDrizzle(async (db) => {
      const found = await db.query.users.findMany({
        with: {
          sales: { columns: { id: true, paid: true, tags: true }, where: (sale, { gt }) => gt(sale.id, 1) },
        },
        orderBy: (user, { asc }) => asc(user.id),
      });
      expect(found).toEqual([
        { id: 1, name: 'Ada', sales: [{ id: 2, paid: false, tags: null }] },
        { id: 2, name: 'Bob', sales: [{ id: 3, paid: null, tags: null }] },
      ]);
      const sale = await db.query.sales.findFirst({
        where: eq(sales.id, 3),
        columns: { id: true },
        with: { user: true },
      });
      expect(sale).toEqual({ id: 3, user: { id: 2, name: 'Bob' } });
    }));

  test('without a name it is called as its address', () =>
    withDrizzle(async (db) => {
      const rows = await db.select().from(typed).orderBy(typed.at);
      expect(rows).toMatchObject([
        { flag: true, at: new Date(5), price: '1.5' },
        { flag: false, at: new Date(1e12), price: '2' },
      ]);
      expect([...(rows[0]?.big ?? [])]).toEqual([1, 2]);
      const joined = await db.select().from(users).leftJoin(typed, eq(typed.price, '2')).limit(1);
      expect(joined[0]?.['r2://b/drizzle/typed.parquet']?.flag).toBe(false);
    }));

  test('cannot be written', () =>
    withDrizzle(async (db) => {
      await expect(db.insert(sales).values({ id: 1, userId: 1 })).rejects.toMatchObject({
        cause: { code: 'READ_ONLY' },
      });
    }));

  test('may be called as another one, or as a table of the object', () =>
    inObject(async (storage) => {
      const all = sales;
      const ids = virtualTable('r2://b/drizzle/sales/*.json', { id: integer() }, { name: 'sales' });
      const table = sqliteTable('sales', { id: integer() });
      const orm = open(storage);
      await orm.run(sql`CREATE TABLE sales (id INTEGER)`);
      await orm.batch([orm.insert(table).values({ id: 99 }), orm.insert(table).values({ id: 98 })]);
      expect(await orm.select().from(table)).toEqual([{ id: 99 }, { id: 98 }]);
      expect(await orm.select().from(ids).orderBy(ids.id)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
      expect(await orm.select({ paid: all.paid }).from(all).where(eq(all.id, 1))).toEqual([{ paid: true }]);
      expect(await orm.all(sql`SELECT ${ids.id} AS id FROM ${ids} WHERE ${ids.id} > ${2}`)).toEqual([
        { id: 3 },
      ]);
      const other = alias(ids, 'ids');
      const joined = orm
        .select()
        .from(table)
        .innerJoin(other, eq(other.id, sql`${table.id} - 98`));
      expect(await joined).toEqual([{ sales: { id: 99 }, ids: { id: 1 } }]);
    }));
});
