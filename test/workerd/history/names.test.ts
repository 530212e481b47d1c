import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { inventory, open, stock } from './inventory.ts';

describe('names in a statement about the past', () => {
  it('may be those of keywords', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE docs (id INTEGER PRIMARY KEY, indexed INTEGER)');
      await db.run('INSERT INTO docs VALUES (1, 0), (2, 1)');
      const { lsn } = db.log.head();
      await db.run('UPDATE docs SET indexed = 1');
      const past = db.asOf({ lsn });
      const source = `docs FOR SYSTEM_TIME AS OF LSN ${lsn}`;
      for (const tail of [
        'WHERE indexed = 0',
        'WHERE NOT indexed',
        'd WHERE NOT indexed',
        'ORDER BY indexed LIMIT 1',
      ]) {
        expect(past.querySync(`SELECT id FROM docs ${tail}`).rows, tail).toEqual([{ id: 1 }]);
        expect((await db.query(`SELECT id FROM ${source} ${tail}`)).rows, tail).toEqual([{ id: 1 }]);
      }
      await db.run('CREATE VIEW scan AS SELECT * FROM docs NOT INDEXED');
      expect(() => past.querySync('SELECT * FROM scan')).toThrow(
        expect.objectContaining({ code: 'UNSUPPORTED_STATEMENT' }),
      );
      for (const tail of ['NOT INDEXED', 'AS d NOT /* */ INDEXED', '"d" INDEXED BY i'])
        expect(() => past.querySync(`SELECT id FROM docs ${tail}`), tail).toThrow(
          expect.objectContaining({ code: 'UNSUPPORTED_STATEMENT' }),
        );
    }));

  it('stand behind IN, whatever is in between', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE one (v)');
      await db.run('INSERT INTO one VALUES (1)');
      const { lsn } = db.log.head();
      await db.run('DELETE FROM one');
      for (const source of ['IN /* the past */ one', 'IN -- now\n main.one', 'in\tone']) {
        expect(db.asOf({ lsn }).querySync(`SELECT 1 ${source} AS found`).rows).toEqual([{ found: 1 }]);
        const clause = `${source} FOR SYSTEM_TIME AS OF LSN ${lsn}`;
        expect((await db.query(`SELECT 1 ${clause} AS found`)).rows).toEqual([{ found: 1 }]);
      }
    }));

  it('of what a past table lacks are not looked for further out', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE known (oid TEXT, item INTEGER)');
      await db.run("INSERT INTO known VALUES ('a', 1)");
      const { lsn } = db.log.head();
      const past = `inventory FOR SYSTEM_TIME AS OF LSN ${lsn}`;
      const inner = (where: string, from = `${past} p`) =>
        `SELECT name FROM inventory WHERE NOT EXISTS (SELECT 1 FROM ${from} WHERE ${where})`;
      for (const sql of [
        inner('rowid = inventory.rowid'),
        inner('abs("RowID") = inventory.id'),
        inner('p.id IN (SELECT value FROM json_each(_rowid_))'),
        inner('main.inventory.id = 1', past),
        `SELECT (SELECT rowid FROM inventory UNION SELECT rowid FROM ${past}) FROM inventory`,
      ])
        await expect(db.query(sql), sql).rejects.toMatchObject({
          code: 'NO_SUCH_COLUMN',
          table: 'inventory',
          statement: sql,
        });
      expect(() =>
        db.asOf({ lsn }).querySync("SELECT (SELECT max(rowid) FROM inventory) FROM json_each('[5]')"),
      ).toThrow(expect.objectContaining({ code: 'NO_SUCH_COLUMN' }));
      // A column, an alias, a present table in between, another term.
      for (const sql of [
        inner("oid = 'b'", `known FOR SYSTEM_TIME AS OF LSN ${lsn}`),
        inner('p.id = inventory.rowid + 5'),
        inner('p.id IN (SELECT id FROM inventory WHERE rowid = 5)'),
        `SELECT name FROM inventory WHERE id IN (SELECT rowid FROM inventory UNION SELECT p.id rowid FROM ${past} p)`,
        `SELECT i.name FROM inventory i JOIN ${past} p ON p.id = i.id WHERE rowid = 1`,
      ])
        expect((await db.query(sql)).rows, sql).toEqual([{ name: 'apples' }]);
    }));

  it('of columns are those of the text, each table as it was written', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE VIEW best AS SELECT name, (SELECT max(qty) FROM inventory) FROM inventory');
      await db.run('CREATE VIEW better AS SELECT * FROM best');
      for (const sql of [
        'SELECT (SELECT max(qty) FROM Inventory), (SELECT min(qty) FROM "inventory"), (SELECT 1 FROM main . inventory)',
        'SELECT * FROM best',
        'SELECT * FROM better',
        'SELECT (SELECT count(*) FROM better), (SELECT count(*) FROM Best), (SELECT count(*) FROM inventory)',
        'SELECT 1 AS "really?1", 2 AS \'or ?2\', 3 AS [?1]',
      ])
        expect(db.asOf({ lsn: 6 }).querySync(sql).columns, sql).toEqual(db.querySync(sql).columns);
    }));

  it('that look like a clause do not hide why a statement failed', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await expect(
        db.run("INSERT INTO inventory VALUES (1, 'on FOR SYSTEM_TIME', 1) /* FOR SYSTEM_TIME */"),
      ).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION' });
      expect(stock((await db.query('SELECT * FROM inventory')).rows)).toEqual(['apples 9']);
    }));
});
