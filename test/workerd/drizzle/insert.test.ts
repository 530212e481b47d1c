import { eq, sql } from 'drizzle-orm';
import { drizzle as official } from 'drizzle-orm/durable-sqlite';
import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, test } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { inObject } from '../object.ts';

let made = 0;
const items = sqliteTable('items', {
  id: integer().primaryKey(),
  name: text().notNull(),
  tag: text(),
  state: text().notNull().default('new'),
  at: integer({ mode: 'timestamp_ms' }).default(sql`(42000)`),
  serial: integer().$defaultFn(() => ++made),
  touched: integer().$onUpdate(() => 5),
  on: integer({ mode: 'boolean' }),
  meta: text({ mode: 'json' }),
  price: real(),
});

const create = (storage: DurableObjectStorage) =>
  storage.sql.exec(`CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, tag TEXT, state TEXT NOT NULL DEFAULT 'ddl',
    at INTEGER, serial INTEGER, touched INTEGER, "on" INTEGER, meta TEXT, price REAL)`);

type Row = typeof items.$inferInsert;

/** Rows with every kind of value, and values missing here and there. */
const rows = (n: number): Row[] =>
  Array.from({ length: n }, (_, i) => ({
    name: `n${i}`,
    ...(i % 3 === 0 && { tag: `t${i}` }),
    ...(i % 5 === 0 && { tag: null }),
    ...(i > n / 2 && { at: new Date(i) }),
    ...(i % 50 === 7 && { state: sql<string>`upper(${`s${i}`})` as never }),
    ...(i % 7 === 0 && { serial: -i }),
    on: i % 2 === 0,
    meta: { i, deep: ['"', null] },
    price: i / 3,
  }));

/** What drizzle's own path stores, one row at a time. */
const reference = (n: number) =>
  inObject(async (storage) => {
    create(storage);
    made = 0;
    const db = official(storage);
    for (const row of rows(n)) db.insert(items).values(row).run();
    return db.select().from(items).all();
  });

describe('an insert of many rows', () => {
  test.each([1, 9, 10, 11, 12, 100, 333])('of %i stores what drizzle stores row by row', async (n) => {
    const expected = await reference(n);
    const actual = await inObject(async (storage) => {
      create(storage);
      made = 0;
      const db = drizzle(storage);
      const result = await db.insert(items).values(rows(n));
      expect(result).toMatchObject({ changes: n, rowsAffected: n, lastInsertRowid: n });
      return db.select().from(items);
    });
    expect(actual).toEqual(expected);
  });

  test('returns all rows in order, in both entries', () =>
    inObject(async (storage) => {
      create(storage);
      made = 0;
      const returned = await drizzle(storage).insert(items).values(rows(120)).returning();
      expect(returned).toEqual(await drizzle(storage).select().from(items));
      const ids = drizzleSync(storage)
        .insert(items)
        .values(rows(30).map((row) => ({ ...row, name: `again ${row.name}` })))
        .returning({ id: items.id, up: sql`upper(${items.name}) || ${'!'}` })
        .all();
      expect(ids).toEqual(Array.from({ length: 30 }, (_, i) => ({ id: 121 + i, up: `AGAIN N${i}!` })));
    }));

  test('resolves conflicts as one statement does', () =>
    inObject(async (storage) => {
      create(storage);
      const db = drizzle(storage);
      await db.insert(items).values(rows(60));
      const again = rows(100).map(({ name }) => ({ name, tag: 'second' }));
      expect(await db.insert(items).values(again).onConflictDoNothing()).toMatchObject({ changes: 40 });
      const updated = await db
        .insert(items)
        .values(again)
        .onConflictDoUpdate({
          target: items.name,
          set: { tag: sql`excluded.tag || ${'!'}` },
          setWhere: sql`${items.id} > ${50}`,
        });
      expect(updated.changes).toBe(50);
      expect(await db.$count(items, eq(items.tag, 'second!'))).toBe(50);
    }));

  test('keeps nothing when one row fails, also late', () =>
    inObject(async (storage) => {
      create(storage);
      const db = drizzle(storage);
      const bad = [...rows(500), { name: 'n3' }];
      await expect(db.insert(items).values(bad).execute()).rejects.toMatchObject({
        cause: { code: 'UNIQUE_VIOLATION' },
      });
      await expect(
        db
          .insert(items)
          .values([...rows(500), { name: Number.NaN as never }])
          .execute(),
      ).rejects.toMatchObject({ cause: { code: 'INVALID_PARAMETER' } });
      expect(await db.$count(items)).toBe(0);
    }));

  test('takes the rows as they are when it is given them', () =>
    inObject(async (storage) => {
      create(storage);
      const db = drizzle(storage);
      const row = { name: 'first' };
      const list = [row, ...rows(20)];
      const small = db.insert(items).values(row);
      const large = db.insert(items).values(list);
      row.name = 'changed';
      list.length = 1;
      await large;
      expect(await db.$count(items)).toBe(21);
      await expect(small.execute()).rejects.toMatchObject({ cause: { code: 'UNIQUE_VIOLATION' } });
    }));

  test('can be prepared with placeholders and run again', () =>
    inObject(async (storage) => {
      create(storage);
      const db = drizzle(storage);
      const query = db
        .insert(items)
        .values(
          Array.from({ length: 15 }, (_, i) => ({
            id: sql.placeholder(`id${i}`) as never,
            name: sql.placeholder(`name${i}`) as never,
            on: sql.placeholder('on') as never,
          })),
        )
        .prepare();
      for (const round of [0, 1]) {
        const given = Object.fromEntries(
          Array.from({ length: 15 }, (_, i) => [
            [`id${i}`, round * 15 + i + 1],
            [`name${i}`, `${round}/${i}`],
          ]).flat(),
        );
        await query.run({ ...given, on: true });
      }
      expect(
        await db.select({ id: items.id, name: items.name, on: items.on }).from(items).where(eq(items.id, 30)),
      ).toEqual([{ id: 30, name: '1/14', on: true }]);
    }));

  test('runs inside a transaction and a batch', () =>
    inObject(async (storage) => {
      create(storage);
      const db = drizzle(storage);
      await db
        .transaction(async (tx) => {
          await tx.insert(items).values(rows(50));
          tx.rollback();
        })
        .catch(() => {});
      expect(await db.$count(items)).toBe(0);
      const [result] = await db.batch([db.insert(items).values(rows(50)), db.select().from(items)]);
      expect(result.changes).toBe(50);
    }));

  test('takes 100,000 rows of 10 columns in one call', () =>
    inObject(async (storage) => {
      create(storage);
      const db = drizzle(storage);
      const many = Array.from({ length: 100_000 }, (_, i) => ({
        name: `name ${i}`,
        tag: 't',
        state: 's',
        at: new Date(i),
        serial: i,
        touched: i,
        on: true,
        meta: [i],
        price: i / 7,
      }));
      expect(await db.insert(items).values(many)).toMatchObject({
        changes: 100_000,
        lastInsertRowid: 100_000,
      });
      expect(await db.select().from(items).where(eq(items.id, 77_777))).toEqual([
        { id: 77_777, ...many[77_776] },
      ]);
    }));

  test('lets a row refer to a later one, as one statement does', async () => {
    await inObject(async (storage) => {
      const nodes = sqliteTable('nodes', { id: integer().primaryKey(), next: integer() });
      storage.sql.exec('CREATE TABLE nodes (id INTEGER PRIMARY KEY, next INTEGER REFERENCES nodes)');
      const chain = (last: number) =>
        Array.from({ length: 300 }, (_, id) => ({ id, next: id === 299 ? last : id + 1 }));
      const db = drizzle(storage);
      await expect(db.insert(nodes).values(chain(999))).rejects.toMatchObject({
        cause: { code: 'FOREIGN_KEY_VIOLATION' },
      });
      expect(await db.$count(nodes)).toBe(0);
      await db.insert(nodes).values(chain(0));
      expect(await db.$count(nodes)).toBe(300);
    });
  });
});
