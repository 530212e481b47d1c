import { describe, expect, it } from 'vitest';
import { Engine } from '../../../src/engine/engine.ts';
import { checkProgram } from '../../../src/history/program.ts';
import { storeOf } from '../../../src/wal/store.ts';
import { inObject } from '../object.ts';
import { inventory, stock } from './inventory.ts';

describe('db.asOf', () => {
  it('reads every table of a statement at one point', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE orders (id INTEGER PRIMARY KEY, item INTEGER, n INTEGER)');
      await db.run('INSERT INTO orders VALUES (1, 1, 3)');
      const { lsn } = db.log.head();
      await db.batch(['UPDATE orders SET n = 4', 'UPDATE inventory SET qty = 1']);
      const sql =
        'SELECT o.n, i.qty FROM orders o JOIN inventory AS i ON i.id = o.item WHERE o.id IN (SELECT id FROM orders) AND i.id = ?';
      expect((await db.asOf({ lsn }).query(sql, [1])).rows).toEqual([{ n: 3, qty: 9 }]);
      expect((await db.asOf({ lsn: lsn + 2 }).query(sql, [1])).rows).toEqual([{ n: 4, qty: 1 }]);
      expect((await db.query(sql, [1])).rows).toEqual([{ n: 4, qty: 1 }]);
    }));

  it('takes every kind of point and has the methods of a database', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const sql = 'SELECT name, qty FROM inventory';
      for (const point of [
        new Date('2026-01-22T10:30:00Z'),
        Date.parse('2026-01-22T10:30:00Z'),
        '2026-01-22 10:30',
        { lsn: 5 },
        { transaction: `${db.log.head().epoch}.5` },
      ]) {
        const past = db.asOf(point);
        expect(past.lsn).toBe(5);
        expect(stock(past.querySync(sql).rows)).toEqual(['apples 7']);
        expect(stock((await past.query(sql)).rows)).toEqual(['apples 7']);
        expect(stock([...past.iterate(sql)])).toEqual(['apples 7']);
        expect(stock(await past.sql`SELECT * FROM inventory WHERE qty = ${7}`)).toEqual(['apples 7']);
        expect(past.transactionSync((tx) => tx.query(sql).rows)).toHaveLength(1);
        expect((await past.batch([sql]))[0]!.rows).toHaveLength(1);
      }
    }));

  it('reads views through their tables', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE VIEW much AS SELECT name, qty FROM inventory WHERE qty > 5 -- most');
      await db.run(
        'CREATE VIEW [named] (what, "how many") AS WITH i AS (SELECT * FROM inventory) SELECT name, qty FROM i',
      );
      await db.run(
        'CREATE VIEW nested AS SELECT m.name, n."how many" AS qty FROM much m JOIN named n ON n.what = m.name',
      );
      const past = db.asOf({ lsn: 4 });
      expect(stock(past.querySync('SELECT * FROM much').rows)).toEqual(['apples 7']);
      expect(stock(past.querySync('SELECT * FROM nested').rows)).toEqual(['apples 7']);
      expect(past.querySync('SELECT what FROM named x WHERE x."how many" < 5').rows).toEqual([
        { what: 'pears' },
      ]);
      expect(db.asOf({ lsn: 2 }).querySync('SELECT * FROM much').rows).toEqual([]);
    }));

  it('runs statements without tables, and gives typed errors', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const past = db.asOf({ lsn: 4 });
      expect(past.querySync('SELECT ? AS one', [1]).rows).toEqual([{ one: 1 }]);
      expect(past.querySync("SELECT value FROM json_each('[1]')").rows).toEqual([{ value: 1 }]);
      expect(past.querySync('SELECT qty FROM inventory LIMIT ?', [1]).rows).toEqual([{ qty: 7 }]);
      expect(() => past.querySync('SELECT nope FROM inventory')).toThrow(
        expect.objectContaining({ code: 'NO_SUCH_COLUMN' }),
      );
      expect(() => past.querySync('SELECT rowid FROM inventory')).toThrow(
        expect.objectContaining({ code: 'NO_SUCH_COLUMN' }),
      );
      expect(() => past.querySync('SELECT * FROM inventory WHERE')).toThrow(
        expect.objectContaining({ code: 'SYNTAX_ERROR' }),
      );
      await expect(db.query('SELECT * FROM inventory FOR SYSTEM_TIME AS OF (nope)')).rejects.toMatchObject({
        code: 'NO_SUCH_COLUMN',
      });
    }));

  it('shows the statement that was written, and no place in another one', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const written = 'SELECT qty FROM inventory WHERE nope = 1';
      const error = await db
        .asOf({ lsn: 4 })
        .query(written)
        .catch((reason) => reason);
      expect(error).toMatchObject({ code: 'NO_SUCH_COLUMN', statement: written });
      expect(error.offset).toBeUndefined();
      expect(error.message).not.toContain('offset');
      const behind = 'SELECT qty FROM inventory FOR SYSTEM_TIME AS OF LSN 4 WHERE nope = 1';
      await expect(db.query(behind)).rejects.toMatchObject({
        statement: behind,
        message: expect.not.stringContaining('offset'),
      });
      const before = 'SELECT qty, nope FROM inventory FOR SYSTEM_TIME AS OF LSN 4';
      await expect(db.query(before)).rejects.toMatchObject({ statement: before, columns: ['nope'] });
    }));

  it('is not deceived by names of common table expressions', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const past = db.asOf({ lsn: 4 });
      expect(
        past.querySync(
          'WITH inventory AS (SELECT * FROM main.inventory WHERE id = 2) SELECT name, qty FROM inventory',
        ).rows,
      ).toEqual([{ name: 'pears', qty: 1 }]);
      expect(past.querySync('WITH i AS (SELECT * FROM inventory) SELECT count(*) AS n FROM i').rows).toEqual([
        { n: 2 },
      ]);
    }));

  it('fails rather than read a table whose name was not recognised', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE "cross" (a)');
      expect(db.asOf(new Date()).querySync('SELECT * FROM "cross", cross AS c').rows).toEqual([]);
      const store = storeOf(Engine.of(storage));
      const check = (sql: string, tables: string[]) => () =>
        checkProgram(store, { sql, tables: new Set(tables) }, [], sql);
      expect(check('SELECT * FROM inventory', ['inventory'])).not.toThrow();
      expect(check("SELECT id FROM inventory WHERE name = 'x'", [])).toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED_STATEMENT', table: 'inventory' }),
      );
      expect(check('SELECT * FROM sqlite_master', [])).toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED_STATEMENT', table: 'sqlite_schema' }),
      );
    }));

  it('has transactions of its own, synchronous and asynchronous, at the same point', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const past = db.asOf({ lsn: 4 });
      const sql = 'SELECT name, qty FROM inventory ORDER BY id';
      const expected = ['apples 7', 'pears 1'];
      expect(await past.transaction(async (tx) => stock((await tx.query(sql)).rows))).toEqual(expected);
      await expect(past.transaction((tx) => tx.run('DELETE FROM inventory'))).rejects.toMatchObject({
        code: 'READ_ONLY',
      });
      await db.transaction(async (tx) => {
        await tx.run('UPDATE inventory SET qty = 100');
        const inside = await tx.query(
          `SELECT name, qty FROM inventory FOR SYSTEM_TIME AS OF LSN 4 ORDER BY id`,
        );
        expect(stock(inside.rows)).toEqual(expected);
        expect(stock((await tx.query('SELECT * FROM inventory')).rows)).toEqual(['apples 100']);
      });
      expect(stock(past.querySync(sql).rows)).toEqual(expected);
      expect((await db.run('DELETE FROM inventory')).changes).toBe(1);
    }));

  it('stays at a commit, also when a transaction is open at its moment', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const now = () => new Date(Date.now() + 60_000);
      const undo = new Error('undo');
      const pasts: ReturnType<typeof db.asOf>[] = [];
      const undone = db.transaction(async (tx) => {
        await tx.run("INSERT INTO inventory VALUES (3, 'plums', 3)");
        pasts.push(db.asOf(now()));
        await tx.run("INSERT INTO inventory VALUES (4, 'figs', 4)");
        throw undo;
      });
      await expect(undone).rejects.toBe(undo);
      await db.run("INSERT INTO inventory VALUES (5, 'nuts', 5), (6, 'figs', 6)");
      db.transactionSync((tx) => {
        tx.run('DELETE FROM inventory');
        pasts.push(db.asOf(now()));
      });
      const read = pasts.map((past) => stock(past.querySync('SELECT * FROM inventory').rows));
      expect(read).toEqual([['apples 9'], ['apples 9', 'nuts 5', 'figs 6']]);
    }));

  it('goes on working when the schema changes', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const past = db.asOf({ lsn: 4 });
      const sql = 'SELECT * FROM inventory WHERE id = 2';
      expect(past.querySync(sql).rows).toEqual([{ id: 2, name: 'pears', qty: 1 }]);
      await db.run("ALTER TABLE inventory ADD COLUMN unit TEXT DEFAULT 'kg'");
      expect(past.querySync(sql).rows).toEqual([{ id: 2, name: 'pears', qty: 1, unit: 'kg' }]);
      await db.run('ALTER TABLE inventory RENAME COLUMN qty TO amount');
      expect(past.querySync(sql).rows).toEqual([{ id: 2, name: 'pears', amount: 1, unit: 'kg' }]);
      await db.run('ALTER TABLE inventory DROP COLUMN amount');
      expect(past.querySync(sql).rows).toEqual([{ id: 2, name: 'pears', unit: 'kg' }]);
      await db.run('ALTER TABLE inventory RENAME TO goods');
      expect(past.querySync('SELECT * FROM goods WHERE id = 2').rows).toEqual([
        { id: 2, name: 'pears', unit: 'kg' },
      ]);
      await db.run('DROP TABLE goods');
      expect(past.querySync('SELECT * FROM goods').rows).toHaveLength(2);
      expect((await db.query('SELECT id FROM goods FOR SYSTEM_TIME AS OF LSN 5')).rows).toEqual([{ id: 1 }]);
      expect(await db.versions('goods')).toHaveLength(4);
    }));
});

describe('db.versions', () => {
  it('takes every kind of range, and conditions on columns', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const quantities = async (...args: Parameters<typeof db.versions>) =>
        (await db.versions(...args)).map((row) => (row as { qty?: unknown }).qty);
      const apples = { where: { name: 'apples' } };
      expect(await quantities('inventory')).toEqual([5, 1, 7, 9]);
      expect(await quantities('INVENTORY', 'all', apples)).toEqual([5, 7, 9]);
      expect(
        await quantities('inventory', { from: '2026-01-22 10:30', to: new Date('2026-01-22T11:00Z') }),
      ).toEqual([7]);
      expect(await quantities('inventory', { between: [{ lsn: 5 }, { lsn: 6 }] })).toEqual([7, 9]);
      const { epoch } = db.log.head();
      expect(
        await quantities('inventory', { containedIn: [{ transaction: `${epoch}.4` }, { transaction: 5 }] }),
      ).toEqual([1]);
      await expect(db.versions('inventory', 'all', { where: { nope: 1 } })).rejects.toMatchObject({
        code: 'NO_SUCH_COLUMN',
      });
    }));
});

describe('db.diff', () => {
  it('gives the net changes between two points, in both directions', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const apples = (qty: number) => ({ id: 1, name: 'apples', qty });
      const pears = { id: 2, name: 'pears', qty: 1 };
      expect(await db.diff('inventory', { lsn: 2 }, { lsn: 4 })).toEqual([
        { key: { id: 1 }, op: 'update', before: apples(5), after: apples(7) },
        { key: { id: 2 }, op: 'insert', before: null, after: pears },
      ]);
      expect(await db.diff('inventory', { lsn: 4 }, { lsn: 2 })).toEqual([
        { key: { id: 1 }, op: 'update', before: apples(7), after: apples(5) },
        { key: { id: 2 }, op: 'delete', before: pears, after: null },
      ]);
      expect(await db.diff('inventory', { lsn: 2 }, { lsn: 6 })).toEqual([
        { key: { id: 1 }, op: 'update', before: apples(5), after: apples(9) },
      ]);
      expect(await db.diff('inventory', '2026-01-22 10:00', '2026-01-22 10:59')).toEqual([]);
    }));

  it('tells the infinities apart as keys', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE ends (at REAL PRIMARY KEY, v)');
      await db.run('INSERT INTO ends VALUES (9e999, 1), (-9e999, 2)');
      const lsn = db.log.head().lsn;
      await db.run('DELETE FROM ends');
      const gone = await db.diff('ends', { lsn }, { lsn: lsn + 2 });
      expect(gone.map(({ op, key }) => [op, key['at']])).toEqual([
        ['delete', Infinity],
        ['delete', -Infinity],
      ]);
    }));

  it('tells a row without a key from the one whose key is its rowid', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE loose (k INT PRIMARY KEY, v)');
      const { lsn } = db.log.head();
      await db.run('INSERT INTO loose (rowid, k, v) VALUES (5, NULL, 1), (6, 5, 2)');
      expect(await db.diff('loose', { lsn }, new Date())).toEqual([
        { key: { k: null }, op: 'insert', before: null, after: { k: null, v: 1 } },
        { key: { k: 5 }, op: 'insert', before: null, after: { k: 5, v: 2 } },
      ]);
    }));

  it('leaves out rows that are again as they were', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('DELETE FROM inventory');
      await db.run("INSERT INTO inventory VALUES (1, 'apples', 9)");
      expect(await db.diff('inventory', { lsn: 6 }, new Date())).toEqual([]);
    }));
});
