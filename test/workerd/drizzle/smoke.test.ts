import { eq, sql } from 'drizzle-orm';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { expect, test } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { inObject } from '../object.ts';

const users = sqliteTable('users', {
  id: integer().primaryKey(),
  name: text().notNull(),
  tags: text({ mode: 'json' }),
});

test('an insert and a select answer in both entries', async () => {
  await inObject(async (storage) => {
    storage.sql.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, tags TEXT)');
    const db = drizzle(storage, { schema: { users } });
    const result = await db.insert(users).values({ name: 'Ada', tags: ['a'] });
    expect(result).toEqual({
      rows: [],
      changes: 1,
      rowsAffected: 1,
      lastInsertRowid: 1,
      rowsRead: expect.any(Number),
      rowsWritten: 1,
    });
    expect(await db.select().from(users).where(eq(users.id, 1))).toEqual([
      { id: 1, name: 'Ada', tags: ['a'] },
    ]);
    expect(await db.query.users.findFirst()).toEqual({ id: 1, name: 'Ada', tags: ['a'] });
    expect(await db.values(sql`select 1, 2`)).toEqual([[1, 2]]);
    await expect(db.insert(users).values({ id: 1, name: 'Bob' })).rejects.toMatchObject({
      cause: { code: 'UNIQUE_VIOLATION' },
    });
    const sync = drizzleSync(storage, { schema: { users } });
    expect(sync.select().from(users).get()).toEqual({ id: 1, name: 'Ada', tags: ['a'] });
    sync.transaction((tx) => tx.insert(users).values({ name: 'Bob' }).run());
    expect(await sync.$count(users)).toBe(2);
    await db.transaction(async (tx) => {
      await tx.delete(users);
    });
    expect(sync.query.users.findMany().sync()).toEqual([]);
  });
});
