import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';

const marks = (n: number) => Array.from({ length: n }, () => '?').join(', ');
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('statements beyond the platform limits', () => {
  it('insert many rows at once, with RETURNING, in order', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL)');
      const rows = range(1000);
      const { rows: returned, changes } = await db.run<{ id: number }>(
        `INSERT INTO t (id, a, b) VALUES ${rows.map(() => '(?, ?, ?)').join(', ')} RETURNING id`,
        rows.flatMap((i) => [i, `n${i}`, i / 3]),
      );
      expect(changes).toBe(1000);
      expect(returned.map((row) => row.id)).toEqual(rows);
      expect((await db.query('SELECT count(*) AS n, sum(b) AS s FROM t')).rows).toEqual([
        { n: 1000, s: expect.closeTo(166500, 6) },
      ]);
    }));

  it('keep nothing of a large insert that fails in a late row', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a UNIQUE)');
      const values = [...range(500), 3];
      await expect(
        db.run(`INSERT INTO t VALUES ${values.map(() => '(?)').join(',')}`, values),
      ).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION' });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 0 }]);
    }));

  it('upsert many rows at once', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      const sql = `INSERT INTO t VALUES ${range(300)
        .map(() => '(?, 1)')
        .join(',')} ON CONFLICT (id) DO UPDATE SET n = n + ?`;
      for (let round = 0; round < 2; round++) await db.run(sql, [...range(300), 10]);
      expect((await db.query('SELECT count(*) AS c, min(n) AS n FROM t')).rows).toEqual([{ c: 300, n: 11 }]);
    }));

  it('let a row of a large insert refer to a later one of the same statement', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, next INTEGER REFERENCES t)');
      const insert = (last: number) =>
        db.run(
          `INSERT INTO t VALUES ${range(200)
            .map(() => '(?, ?)')
            .join(',')}`,
          range(200).flatMap((i) => [i, i === 199 ? last : i + 1]),
        );
      await expect(insert(999)).rejects.toMatchObject({ code: 'FOREIGN_KEY_VIOLATION' });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 0 }]);
      await insert(0);
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 200 }]);
      await expect(db.run('INSERT INTO t VALUES (1000, 5000)')).rejects.toMatchObject({
        code: 'FOREIGN_KEY_VIOLATION',
      });
    }));

  it('do not orphan rows of other tables by a large insert into a table that refers to itself', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, next INTEGER REFERENCES t)',
        'CREATE TABLE c (t INTEGER REFERENCES t)',
        'INSERT INTO t VALUES (1, 0, NULL)',
        'INSERT INTO c VALUES (1)',
      ]);
      const rows = range(100).map((i) => `(?, ?, ${1000 + ((i + 1) % 100)})`);
      const values = range(100).flatMap((i) => [1000 + i, i]);
      const violation = { code: 'FOREIGN_KEY_VIOLATION', table: 'c' };
      await expect(db.run(`REPLACE INTO t VALUES ${rows}`, values)).rejects.toMatchObject(violation);
      const upsert = `INSERT INTO t VALUES ${rows} ON CONFLICT (u) DO UPDATE SET id = excluded.id`;
      await expect(db.run(upsert, values)).rejects.toMatchObject(violation);
      await db.run('CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO c VALUES (-1); END');
      await db.run('UPDATE t SET u = -1');
      await expect(db.run(`INSERT INTO t VALUES ${rows}`, values)).rejects.toMatchObject(violation);
      expect((await db.query('SELECT id, u, t FROM t, c')).rows).toEqual([{ id: 1, u: -1, t: 1 }]);
    }));

  it('delete a parent in one part of a large REPLACE and bring it back in another', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE p (id INTEGER PRIMARY KEY, u UNIQUE)',
        'CREATE TABLE c (p REFERENCES p)',
        'INSERT INTO p VALUES (1, 0)',
        'INSERT INTO c VALUES (1)',
      ]);
      const replace = (last: number) =>
        db.run(
          `REPLACE INTO p VALUES ${range(150).map(() => '(?, ?)')}`,
          range(150).flatMap((i) => [i === 149 ? last : 1000 + i, i]),
        );
      await expect(replace(2)).rejects.toMatchObject({ code: 'FOREIGN_KEY_VIOLATION' });
      expect((await db.query('SELECT * FROM p')).rows).toEqual([{ id: 1, u: 0 }]);
      expect(await replace(1)).toMatchObject({ changes: 150 });
      expect((await db.query('SELECT u FROM p JOIN c ON p = id')).rows).toEqual([{ u: 149 }]);
    }));

  it.each(['', ' WITHOUT ROWID'])('do not mind rows that had no parent before%s', (kind) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run(`CREATE TABLE t (id INTEGER PRIMARY KEY, next INTEGER REFERENCES t)${kind}`);
      await storage.sync();
      storage.sql.exec('PRAGMA foreign_keys=OFF');
      storage.sql.exec('INSERT INTO t VALUES (-1, -9), (-2, -9)');
      await storage.sync();
      storage.sql.exec('PRAGMA foreign_keys=ON');
      const insert = (last: number) =>
        db.run(
          `INSERT INTO t VALUES ${range(150).map(() => '(?, ?)')}`,
          range(150).flatMap((i) => [i, i === 149 ? last : i + 1]),
        );
      await expect(insert(-9)).rejects.toMatchObject({
        code: 'FOREIGN_KEY_VIOLATION',
        message: expect.stringContaining('1 row(s)'),
      });
      expect(await insert(-1)).toMatchObject({ changes: 150 });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 152 }]);
    }),
  );

  it('leave foreign keys enforced after a large insert that failed', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE t (id INTEGER PRIMARY KEY, next REFERENCES t)',
        'CREATE TABLE c (t REFERENCES t)',
      ]);
      const insert = `INSERT INTO t VALUES ${range(150).map(() => '(?, ?)')}`;
      const twice = range(300).map(() => 7);
      const violation = expect.objectContaining({ code: 'FOREIGN_KEY_VIOLATION' });
      db.transactionSync((tx) => {
        tx.run('INSERT INTO t VALUES (1, NULL)');
        expect(() => tx.run(insert, twice)).toThrow('UNIQUE');
        expect(() => tx.run('INSERT INTO c VALUES (99)')).toThrow(violation);
      });
      expect(() => db.runSync(insert, twice)).toThrow('UNIQUE');
      expect(() => db.runSync('INSERT INTO c VALUES (99)')).toThrow(violation);
      await scheduler.wait(1);
      expect((await db.query('SELECT id FROM t')).rows).toEqual([{ id: 1 }]);
    }));

  it('return exact integers, and keep nothing where they cannot be given', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)');
      const big = 9007199254740993n;
      const bigint = { integers: 'bigint' } as const;
      const insert = `INSERT INTO t VALUES ${range(100).map(() => '(?, ?)')} RETURNING a`;
      const values = range(100).flatMap((i) => [i, big]);
      const list = range(150).map(() => '?');
      const update = `UPDATE t SET a = a + 1 WHERE id IN (${list}) RETURNING a`;
      await expect(db.run(insert, values)).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
      expect(await db.run(insert, values, bigint)).toMatchObject({
        rows: range(100).map(() => ({ a: big })),
        changes: 100,
      });
      await expect(db.run(update, range(150))).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
      expect((await db.run(update, range(150), bigint)).rows).toEqual(
        range(100).map(() => ({ a: big + 1n })),
      );
    }));

  it('look for 5,000 values in a list: numbers, text, bigint, doubles and BLOBs', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (i INTEGER, t TEXT, r REAL, b BLOB, x)');
      for (const n of [5, 4999, 7000]) {
        await db.run('INSERT INTO t VALUES (?, ?, ?, ?, ?)', [
          n,
          `'k${n}"\u{1f600}`,
          n / 7,
          new Uint8Array([n & 255, n >> 8]),
          BigInt(n) + 2n ** 60n,
        ]);
      }
      const count = async (column: string, make: (i: number) => never) =>
        (
          await db.query(
            `SELECT count(*) AS n FROM t WHERE ${column} IN (${marks(5000)})`,
            range(5000).map(make),
          )
        ).rows[0]?.['n'];
      expect(await count('i', (i) => i as never)).toBe(2);
      expect(await count('t', (i) => `'k${i}"\u{1f600}` as never)).toBe(2);
      expect(await count('x', (i) => (BigInt(i) + 2n ** 60n) as never)).toBe(2);
      const some = async (column: string, values: unknown[]) =>
        (
          await db.query(
            `SELECT count(*) AS n FROM t WHERE ${column} IN (${marks(values.length)})`,
            values as never,
          )
        ).rows[0]?.['n'];
      expect(
        await some(
          'r',
          range(300).map((i) => (i + 1) / 7),
        ),
      ).toBe(1);
      expect(
        await some(
          'b',
          range(300).map((i) => new Uint8Array([i & 255, i >> 8])),
        ),
      ).toBe(1);
      expect(await some('i', [...range(150), null])).toBe(1);
      expect(
        (await db.query(`SELECT count(*) AS n FROM t WHERE i NOT IN (${marks(150)})`, [...range(149), null]))
          .rows,
      ).toEqual([{ n: 0 }]);
    }));

  it('delete and update by long lists, and count changes', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
      await db.run(
        `INSERT INTO t (id) VALUES ${range(400)
          .map(() => '(?)')
          .join(',')}`,
        range(400),
      );
      expect(
        await db.run(`UPDATE t SET a = ? WHERE id IN (${marks(300)})`, ['x', ...range(300)]),
      ).toMatchObject({ changes: 300 });
      expect(await db.run(`DELETE FROM t WHERE id IN (${marks(200)})`, range(200))).toMatchObject({
        changes: 200,
      });
    }));

  it('unite 40 terms, with order, limit, parameters and the names of the first term', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const terms = range(40).map((i) => `SELECT ? AS a, ${i} % 7 AS b, 1 AS a`);
      const { rows, columns } = await db.query(
        `${terms.join(' UNION ALL ')} ORDER BY 1 DESC LIMIT 3`,
        range(40),
        { rows: 'values' },
      );
      expect(columns).toEqual(['a', 'b', 'a']);
      expect(rows).toEqual([
        [39, 4, 1],
        [38, 3, 1],
        [37, 2, 1],
      ]);
      const distinct = range(40).map((i) => `SELECT ${i} % 7 AS b`);
      expect((await db.query(distinct.join(' UNION '))).rows).toEqual(range(7).map((b) => ({ b })));
    }));

  it('do not unite 40 terms where nesting could compare rows by another collation', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const sql = range(40)
        .map((i) => `SELECT a || '' AS a FROM t${i}`)
        .join(' UNION ');
      for (let i = 0; i < 40; i++)
        await db.batch([`CREATE TABLE t${i} (a)`, `INSERT INTO t${i} VALUES ('x'), ('X')`]);
      expect((await db.query(sql)).rows).toEqual([{ a: 'X' }, { a: 'x' }]);
      // What a table declares anyway, and what the triggers of a change log say in quotes.
      await db.run('CREATE TABLE plain (a COLLATE "BINARY", b COLLATE  binary)');
      expect((await db.query(sql)).rows).toEqual([{ a: 'X' }, { a: 'x' }]);
      await db.run('CREATE TABLE other (a COLLATE NOCASE)');
      await expect(db.query(sql)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: { actual: 40 } });
    }));

  it('do not unite terms where an ORDER BY or a LIMIT stands in front of another term, which SQLite refuses', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const five = range(5).map((i) => `SELECT ${i} AS a`);
      const limit = { code: 'LIMIT_EXCEEDED' };
      for (const clause of ['ORDER BY a LIMIT 1', 'ORDER BY a', 'LIMIT 1']) {
        await expect(
          db.query(`${five.join(' UNION ')} ${clause} UNION SELECT 9 ORDER BY 1`),
        ).rejects.toMatchObject(limit);
      }
    }));

  it('say which limit when nothing helps, and write nothing', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a, b)');
      const long = 'x'.repeat(3000);
      await expect(
        db.run(
          `UPDATE t SET a = CASE b ${range(120)
            .map(() => 'WHEN ? THEN ?')
            .join(' ')} END`,
          range(240).map((i) => long + i),
        ),
      ).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        limit: { value: expect.any(Number), actual: expect.any(Number) },
      });
      await expect(
        db.run(
          `INSERT INTO t VALUES ${range(200)
            .map(() => '(?, ?)')
            .join(',')}`,
          range(399),
        ),
      ).rejects.toMatchObject({
        code: 'PARAMETER_COUNT',
      });
      expect((await db.query('SELECT * FROM t')).rows).toEqual([]);
    }));

  // SQLite 3.47 has neither limit.
  it.each([
    ['parentheses', `SELECT ${'('.repeat(30_000)}1${')'.repeat(30_000)}`],
    ['aggregates', `SELECT ${range(60).map((i) => `max(${i}) + min(${i})`)}`],
  ])('know the limits that came with SQLite 3.53: %s', (_, sql) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const code = await db.query(sql).then(
        () => 'LIMIT_EXCEEDED',
        (error) => error.code,
      );
      expect(code).toBe('LIMIT_EXCEEDED');
    }),
  );

  it('keep doubles bit for bit when they must be written into the text', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const doubles = range(120).map((i) => (Math.sin(i + 1) * 10 ** ((i % 60) - 30)) / 3);
      doubles.push(Infinity, -Infinity, 5e-324, Number.MAX_VALUE, -0.1);
      const { rows } = await db.query<{ v: number }>(
        `SELECT column1 AS v FROM (VALUES ${doubles.map(() => '(?)').join(', ')})`,
        doubles,
      );
      expect(rows.map((row) => row.v)).toEqual(doubles);
    }));
});
