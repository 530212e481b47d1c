import { asc, count, eq, relations as relate, sql } from 'drizzle-orm';
import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, test } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import type { Database } from '../../../src/index.ts';
import { MemoryProvider } from './memory.ts';
import { withRelations } from './open.ts';

const sales = sqliteTable('sales', {
  id: integer('id').primaryKey(),
  userId: integer('user_id'),
  amount: real('amount'),
  at: integer('at', { mode: 'timestamp' }),
  paid: integer('paid', { mode: 'boolean' }),
});
const users = sqliteTable('users', { id: integer('id').primaryKey(), name: text('name').notNull() });
const usersRelations = relate(users, ({ many }) => ({ sales: many(sales) }));
const salesRelations = relate(sales, ({ one }) => ({
  user: one(users, { fields: [sales.userId], references: [users.id] }),
}));
const schema = { sales, users, usersRelations, salesRelations };

const provider = () =>
  new MemoryProvider(
    [
      { name: 'id', affinity: 'INTEGER' },
      { name: 'user_id', affinity: 'INTEGER' },
      { name: 'amount', affinity: 'REAL' },
      { name: 'at', affinity: 'INTEGER' },
      { name: 'paid', affinity: 'INTEGER' },
    ],
    [
      [1, 1, 9.5, 1_700_000_000, true],
      [2, 1, 0.1, 1_700_000_060, false],
      [3, 2, null, null, null],
    ],
  );

const open = <T>(work: (db: Database) => Promise<T>) =>
  withRelations({ sales: { provider: provider() } }, async (db) => {
    await db.batch([
      'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)',
      "INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')",
    ]);
    return work(db);
  });

describe('rows from outside in Drizzle', () => {
  test('select, joins, aggregates and prepared queries decode them', () =>
    open(async (database) => {
      const logged: [string, unknown[]][] = [];
      const db = drizzle(database, {
        schema,
        logger: { logQuery: (query, params) => logged.push([query, params]) },
      });
      expect(await db.select().from(sales).where(eq(sales.id, 2))).toEqual([
        { id: 2, userId: 1, amount: 0.1, at: new Date(1_700_000_060_000), paid: false },
      ]);
      // The log shows what was asked, not the rows that were bound.
      expect(logged).toEqual([[expect.stringContaining('select'), [2]]]);
      expect(
        await db
          .select({ name: users.name, n: count() })
          .from(users)
          .leftJoin(sales, eq(sales.userId, users.id))
          .groupBy(users.id)
          .orderBy(asc(users.id)),
      ).toEqual([
        { name: 'Ada', n: 2 },
        { name: 'Bob', n: 1 },
      ]);
      const byUser = db
        .select()
        .from(sales)
        .where(eq(sales.userId, sql.placeholder('user')))
        .prepare();
      expect(await byUser.all({ user: 2 })).toHaveLength(1);
      expect((await byUser.get({ user: 1 }))?.id).toBe(1);
      expect(await byUser.values({ user: 3 })).toEqual([]);
      expect(await db.$count(sales)).toBe(3);
      expect(await db.get(sql`SELECT max(amount) AS m FROM sales`)).toEqual({ m: 9.5 });
    }));

  test('relational queries, writes, batches and transactions read them', () =>
    open(async (database) => {
      const db = drizzle(database, { schema });
      const found = await db.query.users.findMany({
        with: { sales: { columns: { id: true, paid: true } } },
        orderBy: asc(users.id),
      });
      expect(found.map((user) => [user.name, user.sales])).toEqual([
        [
          'Ada',
          [
            { id: 1, paid: true },
            { id: 2, paid: false },
          ],
        ],
        ['Bob', [{ id: 3, paid: null }]],
      ]);
      expect(
        (await db.query.sales.findFirst({ with: { user: true }, where: eq(sales.id, 3) }))?.user,
      ).toEqual({ id: 2, name: 'Bob' });
      const renamed = await db
        .update(users)
        .set({ name: 'Payer' })
        .where(sql`${users.id} IN (SELECT ${sales.userId} FROM ${sales} WHERE ${sales.paid})`)
        .returning();
      expect(renamed).toEqual([{ id: 1, name: 'Payer' }]);
      const { changes } = await db.insert(users).select(
        db
          .select({
            id: sql<number>`${sales.id} + 10`.as('id'),
            name: sql<string>`'s' || ${sales.id}`.as('name'),
          })
          .from(sales),
      );
      expect(changes).toBe(3);
      const [many, deleted, left] = await db.batch([
        db.select().from(sales),
        db.delete(users).where(eq(users.id, 11)),
        db.select().from(users),
      ]);
      expect(many).toHaveLength(3);
      expect(deleted.changes).toBe(1);
      expect(left).toHaveLength(4);
      expect(await db.transaction(async (tx) => (await tx.select().from(sales)).length)).toBe(3);
    }));

  test('a lazily opened database, errors and the synchronous entry', () =>
    open(async (database) => {
      const db = drizzle(async () => database, { schema });
      expect(await db.select().from(sales)).toHaveLength(3);
      await expect(db.insert(sales).values({ id: 1 })).rejects.toMatchObject({
        cause: { code: 'READ_ONLY' },
      });
      const now = drizzleSync(database, { schema });
      expect(() => now.select().from(sales).all()).toThrow(expect.objectContaining({ code: 'NEEDS_ASYNC' }));
      expect(now.select().from(users).all()).toHaveLength(2);
    }));
});
