import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { inventory, open, stock } from './inventory.ts';

const many = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('a statement about the past', () => {
  it('adapts to the limits of the platform like any other', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const past = db.asOf({ lsn: 4 });
      for (const n of [99, 100, 150]) {
        const list = many(n).map(() => '?');
        const asOf = `SELECT name, qty FROM inventory FOR SYSTEM_TIME AS OF LSN ? WHERE id IN (${list}) ORDER BY id`;
        expect(stock((await db.query(asOf, [4, ...many(n)])).rows)).toEqual(['apples 7', 'pears 1']);
        const plain = asOf.replace('FOR SYSTEM_TIME AS OF LSN ?', '');
        expect(stock((await past.query(plain, many(n))).rows)).toEqual(['apples 7', 'pears 1']);
      }
      const terms = many(7).map((i) => `SELECT name, qty + ${i} AS qty FROM inventory WHERE id = 2`);
      expect(stock((await past.query(terms.join(' UNION ALL '))).rows)).toEqual(
        many(7).map((i) => `pears ${1 + i}`),
      );
    }));

  it('takes and gives exact integers, also in what a write returns', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY)');
      const big = 2n ** 53n + 1n;
      await db.run('INSERT INTO t VALUES (?)', [big]);
      const point = db.log.head();
      const find = 'SELECT id FROM t WHERE id = ?';
      expect((await db.asOf(point, { integers: 'bigint' }).query(find, [big])).rows).toEqual([{ id: big }]);
      await db.run('DELETE FROM t');
      const copy = `INSERT INTO t SELECT id + ? FROM t FOR SYSTEM_TIME AS OF LSN ${point.lsn} RETURNING id`;
      await expect(db.run(copy, [0n])).rejects.toMatchObject({
        code: 'INTEGER_OUT_OF_RANGE',
        statement: copy,
      });
      expect((await db.query('SELECT * FROM t')).rows).toEqual([]);
      expect((await db.run(copy, [1n], { integers: 'string' })).rows).toEqual([{ id: `${big + 1n}` }]);
    }));

  it('may create a table, which then is tracked', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE old AS SELECT * FROM inventory FOR SYSTEM_TIME AS OF LSN 4');
      const point = db.log.head();
      await db.run('DELETE FROM old WHERE id = 1');
      expect(stock((await db.query('SELECT * FROM old')).rows)).toEqual(['pears 1']);
      expect(stock((await db.asOf(point).query('SELECT * FROM old ORDER BY id')).rows)).toEqual([
        'apples 7',
        'pears 1',
      ]);
    }));

  it('is told by its clause, not by a column of that name', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, system_time INTEGER)');
      await db.run('INSERT INTO t VALUES (1, 5)');
      await db.run('ALTER TABLE t DROP COLUMN system_time');
      await db.run('ALTER TABLE t ADD COLUMN system_time TEXT');
      await db.run("UPDATE t SET system_time = 'new'");
      const { events } = await db.log.read();
      expect(events.at(-1)).toMatchObject({ op: 'update', changed: ['system_time'] });
    }));

  it('names the text of the caller when it fails', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const copy = 'INSERT INTO inventory SELECT * FROM inventory FOR SYSTEM_TIME AS OF LSN ?';
      await expect(db.run(copy, [2])).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION', statement: copy });
      await expect(db.run(copy)).rejects.toMatchObject({
        code: 'PARAMETER_COUNT',
        statement: copy,
        message: expect.stringContaining('1 parameters, 0 values'),
      });
    }));
});
