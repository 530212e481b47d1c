import { describe, expect, it } from 'vitest';
import type { TierPolicy } from '../../../src/fsx/index.ts';
import { inObject } from '../object.ts';
import { DAY, openTiers, type Tiered } from './opened.ts';

const OLD = Date.now() - 9 * DAY;
const values = async (db: Tiered, sql: string, given: (string | number | Uint8Array)[] = []) =>
  (await db.query<unknown[]>(sql, given, { rows: 'values' })).rows;

/** A database whose table `t` has these rows; the last one is young and stays. */
async function archived(
  hot: DurableObjectStorage,
  columns: string,
  rows: readonly string[],
  policy: Partial<TierPolicy> = {},
): Promise<Tiered> {
  const db = await openTiers(hot, {
    tables: [{ table: 't', by: 'at', unit: 'ms', hot: '1d', segmentRows: 1000, ...policy }],
  });
  await db.run(`CREATE TABLE t(${columns})`);
  for (const row of rows) await db.run(`INSERT INTO t VALUES(${row})`);
  await db.maintenance();
  expect(await values(db, 'SELECT count(*) FROM main.t')).toEqual([[1]]);
  return db;
}

describe('the affinity of columns with archived rows', () => {
  it('an upsert meets an archived row by a date, which is text in a column of numbers', () =>
    inObject(async (storage) => {
      const db = await archived(
        storage,
        'day DATE PRIMARY KEY, n INT',
        ["'2024-01-01',1", "'2024-01-02',2", "'2999-01-01',3"],
        { by: 'day' },
      );
      await db.run("INSERT INTO t VALUES('2024-01-01',10) ON CONFLICT(day) DO UPDATE SET n=n+excluded.n");
      await db.run("INSERT OR IGNORE INTO t VALUES('2024-01-02',99)");
      expect(await values(db, 'SELECT * FROM t ORDER BY day')).toEqual([
        ['2024-01-01', 11],
        ['2024-01-02', 2],
        ['2999-01-01', 3],
      ]);
    }));

  it('an upsert meets archived rows by keys of any class and any spelling', () =>
    inObject(async (storage) => {
      const key = '550e8400-e29b-41d4-a716-446655440000';
      const db = await archived(
        storage,
        'id UUID PRIMARY KEY, at INT, n INT',
        [`'${key}',${OLD},1`, `5,${OLD},2`, `'7',${OLD},3`, `X'05',${OLD},4`, `'z',${Date.now()},5`],
        { mixed: 'json' },
      );
      const upsert = 'INSERT INTO t VALUES(?,1,10) ON CONFLICT(id) DO UPDATE SET n=n+excluded.n RETURNING n';
      for (const [id, n] of [
        [key, 11],
        [5, 12],
        [' 7.0', 13],
        [new Uint8Array([5]), 14],
        ['5', 22],
      ] as const)
        expect(await values(db, upsert, [id])).toEqual([[n]]);
      expect(await values(db, 'SELECT count(*) FROM t')).toEqual([[5]]);
    }));

  it('an added column has its default in archived rows as SQLite would have stored it', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 'id INTEGER PRIMARY KEY, at INT', [
        `1,${OLD}`,
        `2,${OLD}`,
        `3,${Date.now()}`,
      ]);
      for (const column of [
        "i INTEGER DEFAULT '7'",
        "d NUMERIC NOT NULL DEFAULT '1.50'",
        "b BOOLEAN DEFAULT 'yes'",
        'r REAL DEFAULT 2',
        's TEXT DEFAULT 5',
        'w TEXT DEFAULT pending',
        'q TEXT DEFAULT "quo""ted"',
        'y INT DEFAULT TRUE',
      ])
        await db.run(`ALTER TABLE t ADD COLUMN ${column}`);
      const row = [7, 1.5, 'yes', 2, '5', 'pending', 'quo"ted', 1, 'integer', 'real', 'real', 'text'];
      const list = 'i,d,b,r,s,w,q,y,typeof(i),typeof(d),typeof(r),typeof(s)';
      expect(await values(db, `SELECT ${list} FROM t ORDER BY id`)).toEqual([row, row, row]);
      expect(await values(db, "SELECT id FROM t WHERE i=7 AND d='1.5' ORDER BY id")).toEqual([[1], [2], [3]]);
      await db.run('UPDATE t SET at=at+1 WHERE id=1');
      expect(await values(db, `SELECT ${list} FROM t ORDER BY id`)).toEqual([row, row, row]);
    }));

  it('texts in a column of numbers leave its comparisons as they are', () =>
    inObject(async (storage) => {
      const db = await archived(
        storage,
        'id INTEGER PRIMARY KEY, at INT, v NUMERIC, w INTEGER, s TEXT',
        [`1,${OLD},5,5,X'35'`, `2,${OLD},'abc','x','5'`, `3,${OLD},5.5,7,NULL`, `4,${Date.now()},5,7,'5'`],
        { mixed: 'json' },
      );
      const ids = async (where: string, given: string[] = []) =>
        (await values(db, `SELECT id FROM t WHERE ${where} ORDER BY id`, given)).flat();
      expect(await ids("v='5'")).toEqual([1, 4]);
      expect(await ids("v IN('5','abc')")).toEqual([1, 2, 4]);
      expect(await ids('w=?', ['7'])).toEqual([3, 4]);
      expect(await ids("v>'2026'")).toEqual([2]);
      expect(await ids('s=5')).toEqual([2, 4]);
    }));

  it('a key that compares by another collation than its column is refused', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ table: 't', by: 'at', hot: '1d' }] });
      const create = db.run('CREATE TABLE t(a TEXT, at INT, PRIMARY KEY(a COLLATE NOCASE))');
      await expect(create).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT' });
      await db.run('CREATE TABLE t(a TEXT COLLATE NOCASE, at INT, PRIMARY KEY(a, at))');
    }));
});
