import { describe, expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';
import { inventory } from './inventory.ts';

describe('the past that cannot be read', () => {
  it('before the log began is an error that carries the horizon', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      const horizon = { lsn: 1, ts: Date.parse('2026-01-22T07:00:00Z') };
      const before = { code: 'HISTORY_UNAVAILABLE', horizon };
      await expect(
        db.query("SELECT * FROM inventory FOR SYSTEM_TIME AS OF '2026-01-22 06:59'"),
      ).rejects.toMatchObject({
        ...before,
        table: 'inventory',
      });
      await expect(
        db.query("SELECT * FROM inventory FOR SYSTEM_TIME FROM '2001-01-01' TO '2030-01-01'"),
      ).rejects.toMatchObject(before);
      await expect(db.query('SELECT * FROM inventory FOR SYSTEM_TIME AS OF LSN 0')).rejects.toMatchObject(
        before,
      );
      expect(() => db.asOf('2026-01-01')).toThrow(expect.objectContaining(before));
      await expect(db.diff('inventory', '2026-01-01', new Date())).rejects.toMatchObject(before);
      await expect(db.versions('inventory', { from: 0, to: 1 })).rejects.toMatchObject(before);
    }));

  it('of a table that is tracked since later is unavailable before that', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE late (id INTEGER PRIMARY KEY)');
      await expect(db.query('SELECT * FROM late FOR SYSTEM_TIME AS OF LSN 4')).rejects.toMatchObject({
        code: 'HISTORY_UNAVAILABLE',
        horizon: { lsn: 7 },
      });
      expect(() => db.asOf({ lsn: 4 }).querySync('SELECT * FROM late')).toThrow(
        expect.objectContaining({ code: 'HISTORY_UNAVAILABLE', table: 'late' }),
      );
    }));

  it('of tables that are not tracked names the way to track them', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, extensions: [changeLog({ tables: ['a'] }), timeTravel()] });
      await db.run('CREATE TABLE a (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE b (id INTEGER PRIMARY KEY)');
      const untracked = { code: 'TABLE_NOT_TRACKED', table: 'b' };
      await expect(db.query('SELECT * FROM b FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP')).rejects.toMatchObject(
        untracked,
      );
      await expect(db.asOf(new Date()).query('SELECT * FROM a, b')).rejects.toMatchObject(untracked);
      await expect(db.asOf(new Date()).query('SELECT * FROM sqlite_master')).rejects.toMatchObject({
        code: 'TABLE_NOT_TRACKED',
      });
      await expect(db.versions('b')).rejects.toMatchObject(untracked);
      expect((await db.asOf(new Date()).query('SELECT * FROM a')).rows).toEqual([]);
    }));

  it('is never written', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      for (const sql of [
        'UPDATE inventory FOR SYSTEM_TIME AS OF LSN 2 SET qty = 1',
        'DELETE FROM inventory FOR SYSTEM_TIME AS OF LSN 2',
        "INSERT INTO inventory FOR SYSTEM_TIME AS OF LSN 2 VALUES (5, 'x', 1)",
      ])
        await expect(db.run(sql), sql).rejects.toMatchObject({ code: 'READ_ONLY' });
      const past = db.asOf({ lsn: 4 });
      for (const sql of [
        'DELETE FROM inventory',
        'CREATE TABLE x (a)',
        'PRAGMA recursive_triggers = 1',
        'DROP TABLE inventory',
      ])
        await expect(past.run(sql), sql).rejects.toMatchObject({ code: 'READ_ONLY' });
      await expect(past.run('SELECT 1; DELETE FROM inventory')).rejects.toMatchObject({ code: 'READ_ONLY' });
      expect((await db.query('SELECT * FROM inventory')).rows).toHaveLength(1);
    }));

  it('refuses what a past table does not have', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE VIEW v AS SELECT * FROM inventory');
      const past = 'inventory FOR SYSTEM_TIME AS OF LSN 4';
      for (const sql of [
        'SELECT * FROM v FOR SYSTEM_TIME AS OF LSN 4',
        `SELECT main.inventory.qty FROM ${past}`,
        `SELECT * FROM ${past} INDEXED BY sqlite_autoindex_inventory_1 WHERE name = 'x'`,
        `SELECT * FROM ${past} AS i NOT INDEXED`,
        'WITH c AS (SELECT 1) SELECT * FROM c FOR SYSTEM_TIME AS OF LSN 4',
        "SELECT * FROM json_each('[1]') FOR SYSTEM_TIME AS OF LSN 4",
      ])
        await expect(db.query(sql), sql).rejects.toMatchObject({
          code: expect.stringMatching(/UNSUPPORTED_STATEMENT|SYNTAX_ERROR|NO_SUCH_COLUMN/),
        });
      for (const sql of [
        'SELECT * FROM inventory FOR SYSTEM_TIME',
        'SELECT * FROM inventory FOR SYSTEM_TIME AS OF',
        'SELECT * FROM inventory FOR SYSTEM_TIME AS OF WHERE 1',
        'SELECT * FROM inventory FOR SYSTEM_TIME SINCE 1',
        'SELECT * FROM inventory FOR SYSTEM_TIME FROM 1 AND 2',
        'SELECT * FROM inventory FOR SYSTEM_TIME AS OF (1',
        'SELECT 1 FOR SYSTEM_TIME AS OF LSN 4',
      ])
        await expect(db.query(sql), sql).rejects.toMatchObject({ code: 'SYNTAX_ERROR' });
      for (const point of ["'yesterday'", "'2026-02-30'", "'2026-04-31T10:00:00Z'", 'NULL', "x'00'", '?'])
        await expect(
          db.query(`SELECT * FROM inventory FOR SYSTEM_TIME AS OF (${point})`, point === '?' ? ['soon'] : []),
          point,
        ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(
        db.query("SELECT * FROM inventory FOR SYSTEM_TIME AS OF TRANSACTION 'other.4'"),
      ).rejects.toMatchObject({
        code: 'HISTORY_UNAVAILABLE',
      });
    }));

  it('is not read by RETURNING of the table that is written, whose rows are not in the log yet', () =>
    inObject(async (storage) => {
      const db = await inventory(storage);
      await db.run('CREATE TABLE other (n INTEGER)');
      const { lsn } = db.log.head();
      const old = `(SELECT p.qty FROM Inventory FOR SYSTEM_TIME AS OF LSN ${lsn} p WHERE p.id = inventory.id) AS old`;
      for (const sql of [
        `UPDATE inventory SET qty = 1 RETURNING id, ${old}`,
        `DELETE FROM inventory RETURNING ${old}`,
        `INSERT INTO inventory VALUES (7, 'figs', 1) RETURNING ${old}`,
        `WITH p AS (SELECT * FROM inventory FOR SYSTEM_TIME AS OF LSN ${lsn}) UPDATE inventory SET qty = 1 RETURNING (SELECT qty FROM p)`,
      ])
        await expect(db.run(sql), sql).rejects.toMatchObject({
          code: 'UNSUPPORTED_STATEMENT',
          message: expect.stringContaining('RETURNING'),
        });
      const sum = `(SELECT sum(qty) FROM inventory FOR SYSTEM_TIME AS OF LSN 4)`;
      expect((await db.run(`INSERT INTO other VALUES (1) RETURNING ${sum} AS n`)).rows).toEqual([{ n: 8 }]);
      expect((await db.run(`UPDATE inventory SET qty = ${sum} RETURNING qty`)).rows).toEqual([{ qty: 8 }]);
      const copy = `WITH p AS (SELECT ${sum} AS n) INSERT INTO other SELECT n FROM p RETURNING (SELECT n FROM p) AS n`;
      expect((await db.run(copy)).rows).toEqual([{ n: 8 }]);
    }));

  it('needs the change log, and says so', () =>
    inObject(async (storage) => {
      await expect(DB('t', { storage, extensions: [timeTravel()] })).rejects.toMatchObject({
        code: 'FEATURE_NOT_ENABLED',
      });
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a)');
      await expect(db.query('SELECT * FROM t FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP')).rejects.toMatchObject(
        {
          code: 'FEATURE_NOT_ENABLED',
        },
      );
    }));
});
