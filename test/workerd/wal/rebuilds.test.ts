import { describe, expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';
import { changesAfter } from './open.ts';

const open = (storage: DurableObjectStorage) =>
  DB('t', { storage, extensions: [changeLog({ tables: '*' }), timeTravel()] });

const rebuild = (table: string, columns: string, list: string) => [
  `CREATE TABLE __new_${table} (${columns}`,
  `INSERT INTO __new_${table} (${list}) SELECT ${list} FROM ${table}`,
  `DROP TABLE ${table}`,
  `ALTER TABLE __new_${table} RENAME TO ${table}`,
];

describe('a table that is made anew', () => {
  it('with another type of a column tells what values became, and what they were', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, phone TEXT, n INTEGER)');
      await db.run("INSERT INTO t VALUES (1, '007', 1), (2, 'x', 2), (3, '5', 3)");
      const { lsn } = db.log.head();
      await db.batch(rebuild('t', 'id INTEGER PRIMARY KEY, phone INTEGER, n REAL)', 'id, phone, n'));
      expect(await changesAfter(db, lsn)).toEqual(['update t: 1 007 1 → 1 7 1', 'update t: 3 5 3 → 3 5 3']);
      const past = db.asOf({ lsn });
      expect(past.querySync('SELECT id, phone FROM t ORDER BY id', [], { rows: 'values' }).rows).toEqual([
        [1, '007'],
        [2, 'x'],
        [3, '5'],
      ]);
    }));

  it('with another type of its key, WITHOUT ROWID, has a new history', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (k TEXT PRIMARY KEY, v) WITHOUT ROWID');
      await db.run("INSERT INTO t VALUES ('007', 1), ('x', 2)");
      const { lsn } = db.log.head();
      await db.batch(rebuild('t', 'k INTEGER PRIMARY KEY, v) WITHOUT ROWID', 'k, v'));
      await db.run('UPDATE t SET v = 3 WHERE k = 7');
      expect(await changesAfter(db, lsn)).toEqual([
        'delete t: 007 1 → -',
        'delete t: x 2 → -',
        'insert t: - → 7 1',
        'insert t: - → x 2',
        'update t: 7 1 → 7 3',
      ]);
    }));

  it('under another name than that of drizzle-kit goes on with the history of its name', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)');
      await db.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
      const { lsn } = db.log.head();
      await db.migrate([
        {
          id: '1',
          sql: `CREATE TABLE t_v2 (id INTEGER PRIMARY KEY, v TEXT NOT NULL);
            INSERT INTO t_v2 SELECT id, v FROM t WHERE id = 1; DROP TABLE t; ALTER TABLE t_v2 RENAME TO t`,
        },
      ]);
      await db.run("INSERT INTO t VALUES (3, 'c')");
      expect(db.asOf({ lsn }).querySync('SELECT id FROM t').rows).toEqual([{ id: 1 }, { id: 2 }]);
      const rows = new Map<string, unknown>();
      for (const { table, op, key, after } of (await db.log.read()).events) {
        if (op === 'schema' || op === 'message') continue;
        const name = `${table} ${key['id']}`;
        expect(rows.has(name), `${op} ${name}`).toBe(op !== 'insert');
        if (op === 'delete') rows.delete(name);
        else rows.set(name, after?.['v']);
      }
      expect([...rows]).toEqual([
        ['t 1', 'a'],
        ['t 3', 'c'],
      ]);
    }));

  it('keeps the history of its name, also where another table had that before', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)');
      await db.run('CREATE TABLE gone (id INTEGER PRIMARY KEY, v TEXT)');
      await db.run("INSERT INTO gone VALUES (1, 'of another')");
      await db.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
      const before = db.log.head();
      await db.run('DROP TABLE gone');
      await db.run('ALTER TABLE t RENAME TO gone');
      const { lsn } = db.log.head();
      await db.batch(rebuild('gone', 'id INTEGER PRIMARY KEY, v TEXT NOT NULL)', 'id, v'));
      await db.run("UPDATE gone SET v = 'c' WHERE id = 2");
      expect(await changesAfter(db, lsn)).toEqual(['update gone: 2 b → 2 c']);
      expect(db.asOf({ lsn }).querySync('SELECT * FROM gone').rows).toEqual([
        { id: 1, v: 'a' },
        { id: 2, v: 'b' },
      ]);
      const past = db.asOf({ lsn: before.lsn });
      expect(past.querySync('SELECT * FROM gone').rows).toEqual([{ id: 1, v: 'of another' }]);
      expect(past.querySync('SELECT v FROM t').rows).toEqual([{ v: 'a' }, { v: 'b' }]);
    }));
});
