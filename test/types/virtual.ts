import { eq } from 'drizzle-orm';
import { alias, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { expectTypeOf } from 'vitest';
import { virtualTable } from '../../adapters/virtual.ts';
import { drizzle } from '../../drizzle/index.ts';
import { DB } from '../../src/index.ts';
import { virtualTables } from '../../src/virtual/index.ts';

declare const storage: DurableObjectStorage;
declare const bucket: R2Bucket;

const users = sqliteTable('users', { id: integer().primaryKey(), name: text().notNull() });
const sales = virtualTable(
  'r2://b/sales/*.parquet',
  {
    userId: integer().notNull(),
    paid: integer({ mode: 'boolean' }),
    at: integer({ mode: 'timestamp' }).notNull(),
    tags: text({ mode: 'json' }).$type<string[]>(),
    amount: real(),
  },
  { name: 'sales', union_by_name: true },
);
type Sale = { userId: number; paid: boolean | null; at: Date; tags: string[] | null; amount: number | null };
expectTypeOf<typeof sales.$inferSelect>().toEqualTypeOf<Sale>();

const database = await DB('t', { storage, extensions: [virtualTables({ r2: { b: bucket } })] });
expectTypeOf(database.source).toBeFunction();
database.source('crew', { url: ['r2://b/a.json', 'r2://b/b.json'], columns: { id: 'INTEGER' } });
// @ts-expect-error no such type of a column
database.source('crew', { url: 'r2://b/a.json', columns: { id: 'WHATEVER' } });

const db = drizzle(database, { schema: { users, sales } });
expectTypeOf(await db.select().from(sales)).toEqualTypeOf<Sale[]>();
expectTypeOf(await db.query.sales.findFirst()).toEqualTypeOf<Sale | undefined>();
expectTypeOf(await db.select().from(users).leftJoin(sales, eq(sales.userId, users.id))).toEqualTypeOf<
  { users: { id: number; name: string }; sales: Sale | null }[]
>();
const other = alias(sales, 'other');
expectTypeOf(await db.select({ at: other.at }).from(other)).toEqualTypeOf<{ at: Date }[]>();

// Without a name, the rows of joins have it under its address.
const bare = virtualTable('https://api.example.com/x.json', { id: integer() });
const joined = await db.select().from(users).innerJoin(bare, eq(bare.id, users.id));
expectTypeOf(joined[0]!['https://api.example.com/x.json']).toEqualTypeOf<{ id: number | null }>();
// @ts-expect-error no such option
virtualTable('r2://b/x.csv', { id: integer() }, { delimeter: ';' });
