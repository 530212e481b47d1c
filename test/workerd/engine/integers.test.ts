import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';

describe('integers beyond 2^53-1', () => {
  it.each([
    'SELECT k, a FROM t WHERE at IS NOT NULL',
    'SELECT p.k, p.a FROM t p JOIN t q ON p.id = q.id WHERE p.at IS NOT NULL',
    'SELECT k, a FROM t WHERE at IS NOT NULL ORDER BY pad',
    'SELECT k, a FROM t UNION ALL SELECT k, a FROM t WHERE at IS NOT NULL',
  ])('stay with their rows where SQLite could read another index the second time: %s', (sql) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, k TEXT, a INTEGER, pad TEXT)',
      );
      await db.run('CREATE INDEX t_k ON t(k, a)');
      // All are one number, once rounded.
      for (let i = 0; i < 5; i++)
        await db.run('INSERT INTO t VALUES (?, 1, ?, ?, ?)', [
          i,
          `${9 - i}`,
          2n ** 60n + BigInt(i),
          'x'.repeat(100),
        ]);
      const { rows } = await db.query<{ k: string; a: bigint }>(sql, [], { integers: 'bigint' });
      expect(rows.length).toBeGreaterThan(4);
      for (const { k, a } of rows) expect(a).toBe(2n ** 60n + 9n - BigInt(k));
      expect([...db.iterate(sql, [], { integers: 'bigint' })]).toEqual(rows);
    }),
  );

  it.each([
    'SELECT k, a FROM t ORDER BY random()',
    'SELECT k, a FROM t WHERE random() > 0',
    'SELECT k, a FROM (SELECT * FROM t ORDER BY random() LIMIT 9)',
  ])('stay with their rows where chance orders them: %s', (sql) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE t (k, a)');
      const values = Array.from({ length: 40 }, (_, i) => `('k${i}', ${2n ** 60n + BigInt(i)})`);
      await db.run(`INSERT INTO t VALUES ${values}`);
      for (const rows of [(await db.query(sql)).rows, [...db.iterate(sql)]]) {
        expect(rows.length).toBeGreaterThan(4);
        for (const { k, a } of rows) expect(k).toBe(`k${(a as bigint) - 2n ** 60n}`);
      }
    }),
  );

  it('of chance can be read', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'string' });
      const { rows } = await db.query('SELECT typeof(random()) AS t, random() | (1 << 60) AS r');
      expect(rows).toEqual([{ t: 'integer', r: expect.stringMatching(/^-?\d{16,}$/) }]);
    }));

  it('leave every other value of their result as it is', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
      const values = [2n ** 62n, '\x01', '\x017', '\x01\x01x', '', '7', 'a\0b', 1e300, -0.5, Infinity, null];
      values.push(-(2n ** 63n), 2n ** 53n);
      for (const value of values) await db.run('INSERT INTO t(v) VALUES (?)', [value]);
      await db.run("INSERT INTO t(v) VALUES (x''), (x'01'), (5), (-9007199254740991)");
      const blobs = [new Uint8Array(), new Uint8Array([1]), 5, -9007199254740991];
      const sql = 'SELECT v FROM t ORDER BY id';
      const exact = [...values, ...blobs].map((v) => ({ v }));
      expect((await db.query(sql)).rows).toEqual(exact);
      expect([...db.iterate(sql)]).toEqual(exact);
    }));

  it.each([';SELECT a FROM t', ' ; ;SELECT a FROM t', 'SELECT a FROM t /* no end', 'SELECT a FROM t -- ;'])(
    'come back whatever is around the statement: %s',
    (sql) =>
      inObject(async (storage) => {
        const db = await DB('t', { storage, integers: 'bigint' });
        await db.run('CREATE TABLE t (a)');
        await db.run('INSERT INTO t VALUES (9007199254740993) RETURNING a /* no end');
        expect((await db.query(sql)).rows).toEqual([{ a: 9007199254740993n }]);
        expect([...db.iterate(sql)]).toEqual([{ a: 9007199254740993n }]);
      }),
  );

  it('are given to no other row when rows go while they are iterated over', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
      await db.run('CREATE TABLE seen (a)');
      const values = Array.from({ length: 9 }, (_, i) => `(${i}, ${i < 3 ? i : 2n ** 60n + BigInt(i)})`);
      await db.run(`INSERT INTO t VALUES ${values}`);
      const sql = 'SELECT id, a FROM t ORDER BY id';
      const exact = (await db.query(sql)).rows;
      const elsewhere = [];
      for (const row of db.iterate(sql)) {
        elsewhere.push(row);
        db.runSync('INSERT INTO seen VALUES (?)', [row['a']!]);
      }
      expect(elsewhere).toEqual(exact);
      expect(() => {
        for (const { id } of db.iterate(sql)) db.runSync('DELETE FROM t WHERE id = ?', [id!]);
      }).toThrow(expect.objectContaining({ code: 'INTEGER_OUT_OF_RANGE' }));
      expect((await db.query(sql)).rows).toEqual(exact.slice(3));
      await db.run('DROP TABLE t');
    }));

  it('are refused where a pragma gives them', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE p (id INTEGER PRIMARY KEY)',
        'CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p)',
      ]);
      const check = 'PRAGMA foreign_key_check';
      db.transactionSync((tx) => {
        tx.run('PRAGMA defer_foreign_keys = ON');
        tx.run('INSERT INTO c VALUES (9007199254740993, 1)');
        for (const integers of ['throw', 'bigint', 'string'] as const)
          expect(() => tx.query(check, [], { integers })).toThrow(
            expect.objectContaining({ code: 'INTEGER_OUT_OF_RANGE' }),
          );
        expect(tx.query(check, [], { integers: 'number' }).rows).toMatchObject([{ rowid: 2 ** 53 }]);
        const exact = 'SELECT "rowid" AS id FROM pragma_foreign_key_check';
        expect(tx.query(exact, [], { integers: 'bigint' }).rows).toEqual([{ id: 9007199254740993n }]);
        tx.run('DELETE FROM c');
      });
    }));
});
