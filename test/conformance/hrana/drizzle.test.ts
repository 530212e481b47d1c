import { createClient } from '@libsql/client';
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/libsql';
import { blob, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tenants } from './tenants.ts';

let tenants: Tenants;
beforeAll(async () => {
  tenants = await Tenants.start();
}, 60_000);
afterAll(() => tenants.stop());

const items = sqliteTable('items', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  price: real('price'),
  tags: text('tags', { mode: 'json' }).$type<string[]>(),
  at: integer('at', { mode: 'timestamp_ms' }),
  sold: integer('sold', { mode: 'boolean' }),
  n: blob('n', { mode: 'bigint' }),
});

test("Drizzle's libSQL driver: rows in every mode, batches, nested transactions", async () => {
  const { url, token } = await tenants.create('logged');
  const db = drizzle(createClient({ url, authToken: token }));
  await db.run(
    sql`CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, tags TEXT, at INTEGER, sold INTEGER, n BLOB)`,
  );
  const row = {
    id: 1,
    name: 'a',
    price: 5,
    tags: ['x', 'y'],
    at: new Date(1_790_000_000_123),
    sold: true,
    n: 9007199254740993n,
  };
  expect(await db.insert(items).values(row).returning()).toEqual([row]);
  expect(await db.select().from(items).where(eq(items.sold, true)).limit(1)).toEqual([row]);
  await db.transaction(async (tx) => {
    await tx.insert(items).values({ name: 'b' });
    await tx
      .transaction(async (inner) => {
        await inner.insert(items).values({ name: 'c' });
        inner.rollback();
      })
      .catch(() => {});
    await tx.transaction((inner) => inner.update(items).set({ name: 'd' }).where(eq(items.id, 1)));
  });
  const [, counted] = await db.batch([
    db.insert(items).values({ name: 'e' }),
    db.select({ names: sql<string>`group_concat(${items.name})` }).from(items),
  ]);
  expect(counted).toEqual([{ names: 'd,b,e' }]);
  await expect(
    db.transaction(async (tx) => {
      await tx.delete(items);
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await db.$count(items)).toBe(3);
});
