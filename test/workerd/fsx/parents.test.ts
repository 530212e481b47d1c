import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { openTiers, type Tiered } from './opened.ts';

const LONG_AGO = 1_000_000_000_000;

/** Parts of orders of customers; all parts but the last are archived. */
async function opened(storage: DurableObjectStorage, action: string): Promise<Tiered> {
  const db = await openTiers(storage, { tables: [{ table: 'parts', by: 'at', unit: 'ms', hot: '1d' }] });
  await db.batch([
    'CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)',
    'CREATE TABLE orders (code TEXT PRIMARY KEY COLLATE NOCASE, customer REFERENCES customers ON DELETE CASCADE)',
    `CREATE TABLE parts (id INTEGER PRIMARY KEY, order_code TEXT REFERENCES orders(code) ${action}, at INTEGER)`,
    "INSERT INTO customers VALUES (1, 'a'), (2, 'b')",
    "INSERT INTO orders VALUES ('A', 1), ('B', 2), ('C', 2), ('D', NULL)",
    `INSERT INTO parts VALUES (1, 'a', ${LONG_AGO}), (2, 'B', ${LONG_AGO}), (3, 'c', ${LONG_AGO}), (4, NULL, ${LONG_AGO}), (5, 'A', 4e12)`,
  ]);
  await db.maintenance();
  expect((await db.query('SELECT id FROM parts', [], { tier: 'hot' })).rows).toEqual([{ id: 5 }]);
  return db;
}
const parts = async (db: Tiered) =>
  (await db.query('SELECT id, order_code FROM parts ORDER BY id', [], { rows: 'values' })).rows;

describe('rows that archived rows have a foreign key to', () => {
  it('take archived rows with them where deletion cascades, over other tables too', () =>
    inObject(async (storage) => {
      const db = await opened(storage, 'ON DELETE CASCADE ON UPDATE CASCADE');
      await db.run('DELETE FROM orders AS o WHERE o.code = ?', ['A']);
      expect(await parts(db)).toEqual([
        [2, 'B'],
        [3, 'c'],
        [4, null],
      ]);
      await db.run(
        "WITH named AS (SELECT id FROM customers WHERE name = ?) UPDATE orders SET code = code || '!' WHERE customer IN named AND code <> 'c'",
        ['b'],
      );
      expect(await parts(db)).toEqual([
        [2, 'B!'],
        [3, 'c'],
        [4, null],
      ]);
      await db.batch([['DELETE FROM customers WHERE id = ?', [2]]]);
      expect(await parts(db)).toEqual([[4, null]]);
    }));

  it('cannot be deleted where the key restricts it, and nothing is moved then', () =>
    inObject(async (storage) => {
      const db = await opened(storage, '');
      const before = await parts(db);
      for (const sql of [
        "DELETE FROM orders WHERE code = 'b'",
        'DELETE FROM customers',
        "UPDATE orders SET code = code || 'x'",
      ])
        await expect(db.run(sql)).rejects.toMatchObject({ code: 'FOREIGN_KEY_VIOLATION' });
      expect((await db.query('SELECT id FROM parts', [], { tier: 'hot' })).rows).toEqual([{ id: 5 }]);
      expect(await parts(db)).toEqual(before);
      await db.run("DELETE FROM parts WHERE order_code = 'B'");
      await db.run(
        'DELETE FROM orders WHERE code NOT IN (SELECT upper(order_code) FROM parts WHERE order_code IS NOT NULL)',
      );
      expect((await db.query('SELECT code FROM orders')).rows).toEqual([{ code: 'A' }, { code: 'C' }]);
    }));

  it('leave NULL behind where the key says so', () =>
    inObject(async (storage) => {
      const db = await opened(storage, 'ON DELETE SET NULL');
      await db.run('DELETE FROM customers WHERE id = 2');
      expect(await parts(db)).toEqual([
        [1, 'a'],
        [2, null],
        [3, null],
        [4, null],
        [5, 'A'],
      ]);
    }));

  it('are not replaced, and are free to change in other columns', () =>
    inObject(async (storage) => {
      const db = await opened(storage, 'ON DELETE CASCADE');
      await expect(db.run("REPLACE INTO orders VALUES ('B', 1)")).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        table: 'orders',
      });
      expect(await parts(db)).toHaveLength(5);
      db.runSync("UPDATE orders SET customer = 1 WHERE code = 'B'");
      expect(() => db.runSync("DELETE FROM orders WHERE code = 'B'")).toThrow(
        expect.objectContaining({ code: 'NEEDS_ASYNC' }),
      );
      await db.run("DELETE FROM orders WHERE code = 'D'");
      expect((await db.query('SELECT id FROM parts', [], { tier: 'hot' })).rows).toEqual([{ id: 5 }]);
    }));

  it('an upsert may change anything of them but the key that archived rows have', () =>
    inObject(async (storage) => {
      const db = await opened(storage, 'ON UPDATE CASCADE');
      const customer = "INSERT INTO customers VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET";
      await db.run(`${customer} name = excluded.name, id = excluded.id WHERE name <> 'code'`);
      const order = "INSERT INTO orders VALUES ('A', 2) ON CONFLICT (code) DO UPDATE SET";
      await db.run(`${order} "code" = excluded.code, customer = excluded.customer RETURNING 1, code`);
      for (const set of [
        "code = 'Z'",
        "customer = 2, [code] = excluded.code || 'Z'",
        "(customer, code) = (1, 'Z')",
      ])
        await expect(db.run(`${order} ${set}`)).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT' });
      expect(await parts(db)).toEqual([
        [1, 'a'],
        [2, 'B'],
        [3, 'c'],
        [4, null],
        [5, 'A'],
      ]);
    }));
});
