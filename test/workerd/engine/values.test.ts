import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';

const INT64 = [9223372036854775807n, -9223372036854775808n, 9007199254740993n, -9007199254740993n, 0n, 1n];

describe('values', () => {
  it('round-trips every kind a parameter may have', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE v (i INTEGER, r REAL, t TEXT, b BLOB, x)');
      const date = new Date('2026-02-03T04:05:06.789Z');
      await db.run('INSERT INTO v VALUES (?, ?, ?, ?, ?)', [
        true,
        0.1 + 0.2,
        date,
        new Uint8Array([0, 1, 255]),
        null,
      ]);
      const { rows } = await db.query('SELECT * FROM v');
      expect(rows).toEqual([
        { i: 1, r: 0.1 + 0.2, t: '2026-02-03T04:05:06.789Z', b: new Uint8Array([0, 1, 255]), x: null },
      ]);
    }));

  it('keeps text with NUL, emoji, quotes and line separators', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      for (const text of ['a\0b', '👩‍👩‍👧‍👦 é \u2028', "it's", '', '\uffff', ' '.repeat(1000)]) {
        expect((await db.query('SELECT ? AS t', [text])).rows).toEqual([{ t: text }]);
      }
    }));

  it('keeps infinities and the extremes of doubles', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      for (const number of [Infinity, -Infinity, 5e-324, Number.MAX_VALUE, 1e20, -1e300, 2 ** 53, 2 ** 63]) {
        expect((await db.query('SELECT ? AS n', [number])).rows).toEqual([{ n: number }]);
      }
    }));

  it('binds bigint exactly in every position, affinity or not', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE v (i INTEGER PRIMARY KEY, x, t TEXT)');
      for (const n of INT64) {
        await db.run('INSERT INTO v VALUES (?1, ?1, ?1)', [n]);
        const { rows } = await db.query<{ i: bigint; x: bigint; t: string; ti: string; tx: string }>(
          'SELECT i, x, t, typeof(i) ti, typeof(x) tx FROM v WHERE i = :n AND x = :n AND t = :n',
          { n },
        );
        const row = rows[0]!;
        expect([BigInt(row.i), BigInt(row.x), row.t, row.ti, row.tx]).toEqual([
          n,
          n,
          String(n),
          'integer',
          'integer',
        ]);
      }
      expect(
        (await db.query('SELECT count(*) n FROM v WHERE i IN (?, ?)', [INT64[0]!, INT64[1]!])).rows,
      ).toEqual([{ n: 2 }]);
    }));

  it('throws for an integer that a number cannot hold, and names column and value', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await expect(db.query('SELECT 1 AS a, 9007199254740993 AS big')).rejects.toMatchObject({
        code: 'INTEGER_OUT_OF_RANGE',
        columns: ['big'],
        message: expect.stringContaining('9007199254740993'),
      });
    }));

  it('hands out large integers as asked, and reals of that size as numbers', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const sql = 'SELECT 9007199254740993 AS big, 9007199254740993.0 AS r, 7 AS small';
      expect((await db.query(sql, [], { integers: 'bigint' })).rows).toEqual([
        { big: 9007199254740993n, r: 9007199254740992, small: 7 },
      ]);
      expect((await db.query(sql, [], { integers: 'string' })).rows).toEqual([
        { big: '9007199254740993', r: 9007199254740992, small: 7 },
      ]);
      expect((await db.query(sql, [], { integers: 'number' })).rows).toEqual([
        { big: 9007199254740992, r: 9007199254740992, small: 7 },
      ]);
    }));

  it('keeps row order and parameters when it reads large integers again', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE v (id INTEGER PRIMARY KEY, x)');
      for (let id = 1; id <= 50; id++)
        await db.run('INSERT INTO v VALUES (?, ?)', [id, BigInt(id % 3 === 0 ? id : 2 ** 60 + id)]);
      const { rows } = await db.query<{ id: number; x: bigint }>(
        'SELECT id, x FROM v WHERE id > ? ORDER BY id DESC; -- end',
        [10],
      );
      expect(rows.map((row) => row.id)).toEqual(Array.from({ length: 40 }, (_, i) => 50 - i));
      for (const { id, x } of rows) expect(BigInt(x)).toBe(BigInt(id % 3 === 0 ? id : 2 ** 60 + id));
    }));

  it('returns exact integers from RETURNING, and keeps nothing of a statement whose result cannot be given', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE v (id INTEGER PRIMARY KEY, x)');
      await expect(
        db.run('INSERT INTO v VALUES (1, ?) RETURNING x', [9007199254740993n]),
      ).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
      await expect(
        db.run("INSERT INTO v VALUES (1, 9223372036854775807) RETURNING x AS y, 'a'"),
      ).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
      expect((await db.query('SELECT * FROM v')).rows).toEqual([]);
      const inserted = await db.run('INSERT INTO v VALUES (1, ?) RETURNING *', [9007199254740993n], {
        integers: 'bigint',
      });
      expect(inserted).toMatchObject({
        rows: [{ id: 1, x: 9007199254740993n }],
        columns: ['id', 'x'],
        changes: 1,
        lastInsertRowid: 1,
      });
      await expect(db.run('UPDATE v SET id = 2 RETURNING x')).rejects.toMatchObject({
        code: 'INTEGER_OUT_OF_RANGE',
      });
      expect((await db.query('SELECT id FROM v')).rows).toEqual([{ id: 1 }]);
      for (const computed of ['abs(-9223372036854775807)', '0x7fffffffffffffff']) {
        await expect(db.run(`INSERT INTO v VALUES (5, ${computed}) RETURNING x`)).rejects.toMatchObject({
          code: 'INTEGER_OUT_OF_RANGE',
        });
      }
      expect((await db.query('SELECT id FROM v')).rows).toEqual([{ id: 1 }]);
    }));

  it('reads columns, aliases and expressions of RETURNING exactly, whatever their names', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE v (a INTEGER UNIQUE, b INTEGER, f REAL, g)');
      const [a, b] = [9007199254740993n, 9007199254740996n];
      const upsert =
        'INSERT INTO v VALUES (9007199254740993, 9007199254740996, 1e18, 3) ON CONFLICT DO UPDATE SET b = excluded.b RETURNING';
      const lists: [string, unknown[]][] = [
        ['v.a, "b";', [a, b]],
        ['a AS b, b AS a', [a, b]],
        ['a b, `a`/**/c -- end', [a, a]],
        ['b + 1 AS b, f, f * 2 twice, (b), a IS NULL', [b + 1n, 1e18, 2e18, b, 0]],
        ['a, *, (SELECT max(a, b) FROM v) m, CASE WHEN b THEN a END', [a, a, b, 1e18, 3, b, a]],
        ["'a, b' AS s, printf('%d, %d', a, b), -a [n], +b AS \"a\"", ['a, b', `${a}, ${b}`, -a, b]],
      ];
      for (const [list, row] of lists) {
        const { rows } = await db.query(`${upsert} ${list}`, [], { rows: 'values' });
        expect(rows).toEqual([row]);
      }
      const thrown = { integers: 'throw', rows: 'values' } as const;
      const real = await db.query('UPDATE v SET f = 2e18 RETURNING f * 2 AS g, g AS f', [], thrown);
      expect(real.rows).toEqual([[4e18, 3]]);
    }));

  it('keeps nothing of a statement whose RETURNING cannot be read a second time', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      await db.run('CREATE TABLE v (a INTEGER)');
      const insert = 'INSERT INTO v VALUES (9007199254740993) RETURNING';
      for (const [list, ...values] of [['a + ?', 0], ['a COLLATE nocase'], ['random() AS a']] as const)
        await expect(db.query(`${insert} ${list}`, values)).rejects.toMatchObject({
          code: 'INTEGER_OUT_OF_RANGE',
        });
      expect((await db.query('SELECT * FROM v')).rows).toEqual([]);
    }));

  it('returns a wide row exactly', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, integers: 'bigint' });
      const names = Array.from({ length: 80 }, (_, i) => `c${i}`);
      await db.run(`CREATE TABLE w (id INTEGER PRIMARY KEY, ${names})`);
      const [row] = (await db.query('INSERT INTO w (c79) VALUES (9007199254740993) RETURNING *')).rows;
      expect(row).toMatchObject({ id: 1, c0: null, c79: 9007199254740993n });
    }));

  it('keeps no row whose texts become numbers too large to give', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (i INTEGER, f REAL)');
      await expect(db.run('INSERT INTO t (i) VALUES (?) RETURNING i', ['9.1e18'])).rejects.toMatchObject({
        code: 'INTEGER_OUT_OF_RANGE',
      });
      expect((await db.run('INSERT INTO t (f) VALUES (?) RETURNING f', ['1e18'])).rows).toEqual([
        { f: 1e18 },
      ]);
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 1 }]);
    }));

  it('keeps no row whose defaults and generated columns come back too large to give', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE d (a, b DEFAULT (9223372036854775807))',
        'CREATE TABLE g (a, b GENERATED ALWAYS AS (a << 60))',
      ]);
      for (const table of ['d', 'g']) {
        await expect(db.run(`INSERT INTO ${table} (a) VALUES (?) RETURNING *`, [3])).rejects.toMatchObject({
          code: 'INTEGER_OUT_OF_RANGE',
        });
        expect((await db.query(`SELECT a FROM ${table}`)).rows).toEqual([]);
      }
      expect(
        (await db.run('INSERT INTO d (a) VALUES (?) RETURNING *', [3], { integers: 'bigint' })).rows,
      ).toEqual([{ a: 3, b: 9223372036854775807n }]);
    }));

  it('keeps no row when arithmetic on what is bound gives a number too large to give', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE a (n INTEGER, m INTEGER DEFAULT 9e18)');
      const big = [3_000_000_000, 3_000_000_000];
      const inserts: [sql: string, values: number[]][] = [
        ['INSERT INTO a VALUES (?, ?) RETURNING n*m', big],
        ['INSERT INTO a VALUES (?, ?) RETURNING n * "m"', big],
        ['INSERT INTO a VALUES (?*?, 1) RETURNING n', big],
        ['INSERT INTO a VALUES (?1/?2, 1) RETURNING n', [3e9, 1e-8]],
        ['INSERT INTO a VALUES (?, ?) RETURNING n+m', [9e15, 9e15]],
        ['INSERT INTO a (n) VALUES (?) RETURNING m', [1]],
      ];
      for (const [sql, values] of inserts)
        await expect(db.run(sql, values), sql).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
      expect((await db.query('SELECT * FROM a')).rows).toEqual([]);
    }));

  it('never loses a column in values-shaped rows; in objects the later name wins', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      expect(await db.query('SELECT 1 AS a, 2 AS a')).toMatchObject({
        rows: [{ a: 2 }],
        columns: ['a', 'a'],
      });
      expect(await db.query('SELECT 1 AS a, 2 AS a', [], { rows: 'values' })).toMatchObject({
        rows: [[1, 2]],
        columns: ['a', 'a'],
      });
    }));

  it('builds rows with any number of columns and any column name', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      for (const n of [1, 2, 5, 12, 13, 40, 100]) {
        const names = Array.from({ length: n }, (_, i) => `c${i}`);
        const { rows } = await db.query(`SELECT ${names.map((name, i) => `${i} AS ${name}`).join(', ')}`);
        expect(rows).toEqual([Object.fromEntries(names.map((name, i) => [name, i]))]);
      }
      const { rows } = await db.query('SELECT 1 AS "__proto__", 2 AS "constructor"');
      expect(Object.entries(rows[0]!)).toEqual([
        ['__proto__', 1],
        ['constructor', 2],
      ]);
    }));

  it('follows a schema change between two runs of the same text', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE v (a)');
      await db.run('INSERT INTO v VALUES (1)');
      expect((await db.query('SELECT * FROM v')).rows).toEqual([{ a: 1 }]);
      await db.run('ALTER TABLE v RENAME COLUMN a TO b');
      expect((await db.query('SELECT * FROM v')).rows).toEqual([{ b: 1 }]);
      storage.sql.exec('ALTER TABLE v RENAME COLUMN b TO c');
      expect((await db.query('SELECT * FROM v')).rows).toEqual([{ c: 1 }]);
    }));

  it('binds by name with or without the prefix, the same name twice, and ?N out of order', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      expect(
        (await db.query('SELECT :a AS x, @b AS y, $c AS z, :a AS again', { a: 'A', '@b': 'B', c: 'C' })).rows,
      ).toEqual([{ x: 'A', y: 'B', z: 'C', again: 'A' }]);
      expect((await db.query('SELECT ?2 AS x, ?1 AS y', ['one', 'two'])).rows).toEqual([
        { x: 'two', y: 'one' },
      ]);
    }));

  const refused: [name: string, value: unknown, says: RegExp][] = [
    ['undefined', undefined, /undefined/],
    ['an object', { a: 1 }, /JSON\.stringify/],
    ['an array', [1], /JSON\.stringify/],
    ['NaN', Number.NaN, /NaN/],
    ['a symbol', Symbol('x'), /symbol/],
    ['a function', () => 1, /function/],
    ['an invalid Date', new Date(Number.NaN), /invalid Date/],
    ['a bigint beyond int64', 2n ** 63n, /64-bit/],
    ['a lone surrogate', 'a\ud800', /surrogate/],
  ];
  it.each(refused)('refuses %s as a parameter, says which one, and writes nothing', (_name, value, says) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE v (a, b)');
      await expect(db.run('INSERT INTO v VALUES (?, ?)', [1, value as never])).rejects.toMatchObject({
        code: 'INVALID_PARAMETER',
        message: expect.stringMatching(/^Parameter 2 is/),
      });
      await expect(
        db.run('INSERT INTO v VALUES (:a, :b)', { a: 1, b: value as never }),
      ).rejects.toMatchObject({
        code: 'INVALID_PARAMETER',
        message: expect.stringMatching(says),
      });
      expect((await db.query('SELECT * FROM v')).rows).toEqual([]);
    }),
  );

  it('refuses a wrong number of parameters and unknown or missing names', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      for (const params of [[], [1], [1, 2, 3]]) {
        await expect(db.query('SELECT ?, ?', params)).rejects.toMatchObject({
          code: 'PARAMETER_COUNT',
          message: `The statement has 2 parameters, ${params.length} values were given.`,
        });
      }
      await expect(db.query('SELECT :a', { b: 1 })).rejects.toMatchObject({ code: 'PARAMETER_COUNT' });
      await expect(db.query('SELECT :a', { a: 1, b: 1 })).rejects.toMatchObject({
        code: 'PARAMETER_COUNT',
        message: expect.stringContaining('b'),
      });
      await expect(db.query('SELECT ?', 5 as never)).rejects.toMatchObject({ code: 'INVALID_PARAMETER' });
    }));
});
