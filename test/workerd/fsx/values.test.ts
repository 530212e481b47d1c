import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { openTiers } from './opened.ts';

const DOUBLES = [
  0.1 + 0.2,
  1 / 3,
  5e-324,
  2.2250738585072014e-308,
  1.7976931348623157e308,
  -1e-7,
  4.35,
  123456789.12345679,
  0.1,
  1e23,
];
const POLICY = { table: 'v', by: 'at', unit: 'ms' as const, hot: '1d' as const };

async function roundTrip(
  storage: DurableObjectStorage,
  declare: string,
  values: readonly unknown[],
  mixed?: 'json',
) {
  const db = await openTiers(storage, { tables: [{ ...POLICY, ...(mixed && { mixed }) }] });
  await db.run(`CREATE TABLE v (id INTEGER PRIMARY KEY, at INTEGER DEFAULT 1, x ${declare})`);
  for (const value of [...values, null]) await db.run('INSERT INTO v(x) VALUES (?)', [value as never]);
  const sql = 'SELECT id, x, typeof(x) AS type FROM v WHERE id <= ? ORDER BY id';
  const read = async () => (await db.query(sql, [values.length], { integers: 'bigint' })).rows;
  const before = await read();
  await db.maintenance();
  expect((await db.query('SELECT count(*) AS n FROM v', [], { tier: 'hot' })).rows).toEqual([{ n: 1 }]);
  expect(await read()).toEqual(before);
  // And exactly so when they come back.
  await db.run('UPDATE v SET at = at + 1');
  expect((await db.query('SELECT count(*) AS n FROM v', [], { tier: 'hot' })).rows).toEqual([
    { n: values.length + 1 },
  ]);
  expect(await read()).toEqual(before);
}

describe('archived values', () => {
  it.each([
    ['INTEGER', [0, 1, -1, 2 ** 53 - 1, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]],
    ['INTEGER', [1, 2.5, -7, 1e300]],
    ['NUMERIC', [1, 2.5, 4.35, -0.1]],
    ['REAL', [...DOUBLES, 5, -0, Infinity, -Infinity, 2 ** 60]],
    [
      'TEXT',
      [
        '',
        'a',
        "it's",
        'ä€😀\u{10ffff}',
        'x\0y',
        '\ufeffbom',
        'line\nbreak',
        '5',
        '5.0',
        '\u2028',
        'z'.repeat(100_000),
      ],
    ],
    ['BLOB', [new Uint8Array(), new Uint8Array([0, 1, 255]), new Uint8Array(70_000).fill(7)]],
    ['', [5, 2.5, -1]],
    ['', ['a', 'b']],
    ['', [new Uint8Array([1]), new Uint8Array([2])]],
    ['BOOLEAN', [true, false]],
    ['DATETIME', ['2026-01-01 00:00:00', '2026-01-02']],
  ] as [string, unknown[]][])('of a column %s come back as they were, case %#', (declare, values) =>
    inObject((storage) => roundTrip(storage, declare, values)),
  );

  it('of several classes are refused, with the name of the column, and nothing moves', () =>
    inObject(async (storage) => {
      await expect(roundTrip(storage, 'TEXT', ['a', new Uint8Array([1])])).rejects.toMatchObject({
        code: 'DATATYPE_MISMATCH',
        table: 'v',
        columns: ['x'],
      });
      expect([...storage.sql.exec('SELECT count(*) AS n FROM v')]).toEqual([{ n: 3 }]);
    }));

  it("of several classes come back with mixed: 'json'", () =>
    inObject((storage) =>
      roundTrip(storage, 'TEXT', ['a', new Uint8Array([1, 0, 255]), '5', '["t","x"]', ''], 'json'),
    ));

  it('with integers of any size among texts come back', () =>
    inObject((storage) => roundTrip(storage, 'NUMERIC', [1, 'a', 2n ** 63n - 1n, 2.5], 'json')));

  it.each([
    ['', [5n, 7, '5', 2.5, new Uint8Array([1]), -0, 2 ** 60]],
    ['REAL', [5, 'abc', 2.5]],
    ['NUMERIC', [10, 'abc', 5.5]],
  ] as [string, unknown[]][])('of several classes in a column %s keep theirs, case %#', (declare, values) =>
    inObject((storage) => roundTrip(storage, declare, values, 'json')),
  );

  it('in files of several kinds keep their class', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ ...POLICY, mixed: 'json' }] });
      await db.run('CREATE TABLE v (id INTEGER PRIMARY KEY, at INTEGER DEFAULT 1)');
      await db.run('INSERT INTO v(id) VALUES (1), (2)');
      await db.maintenance();
      await db.run('ALTER TABLE v ADD COLUMN x DEFAULT 7');
      await db.run('INSERT INTO v(id, x) VALUES (3, 2.0), (4, 2.5), (5, 9.0)');
      await db.maintenance();
      await db.run("INSERT INTO v(id, x) VALUES (6, '5'), (7, 5), (8, 5.0), (9, 0)");
      await db.maintenance();
      const { rows } = await db.query('SELECT x, typeof(x) FROM v ORDER BY id', [], { rows: 'values' });
      const [integers, reals] = [
        [7, 'integer'],
        [2, 'real'],
      ];
      expect(rows).toEqual([
        integers,
        integers,
        reals,
        [2.5, 'real'],
        [9, 'real'],
        ['5', 'text'],
        [5, 'integer'],
        [5, 'real'],
        [0, 'integer'],
      ]);
    }));

  it('keys of every kind find their rows', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, {
        tables: [
          { table: 'pairs', by: 'at', unit: 'ms', hot: '1d' },
          { table: 'names', by: 'at', unit: 'ms', hot: '1d' },
          { table: 'blobs', by: 'at', unit: 'ms', hot: '1d' },
        ],
      });
      await db.run(
        'CREATE TABLE pairs (a TEXT COLLATE NOCASE, b INTEGER, at INTEGER, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID',
      );
      await db.run('CREATE TABLE names (name TEXT PRIMARY KEY COLLATE RTRIM, at INTEGER, v TEXT)');
      await db.run('CREATE TABLE blobs (k BLOB PRIMARY KEY, at INTEGER, v TEXT) WITHOUT ROWID');
      for (let i = 0; i < 20; i++) {
        await db.run('INSERT INTO pairs VALUES (?, ?, 1, ?)', [i % 2 ? "O'Neil" : 'b,"c', i, `v${i}`]);
        await db.run('INSERT INTO names VALUES (?, 1, ?)', [`n${i}  `, `v${i}`]);
        await db.run('INSERT INTO blobs VALUES (?, 1, ?)', [new Uint8Array([i, 0, 255 - i]), `v${i}`]);
      }
      await db.maintenance();
      const hot = async (table: string) =>
        (await db.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`, [], { tier: 'hot' })).rows[0]!.n;
      expect([await hot('pairs'), await hot('names'), await hot('blobs')]).toEqual([0, 1, 0]);
      await db.run("UPDATE pairs SET v = 'changed' WHERE a = 'o''neil' AND b = 3");
      await db.run("INSERT INTO pairs VALUES ('O''NEIL', 5, 1, 'replaced')");
      await db.run("INSERT INTO names VALUES ('n3', 1, 'up') ON CONFLICT DO UPDATE SET v = v || excluded.v");
      await db.run('DELETE FROM blobs WHERE k = ?', [new Uint8Array([4, 0, 251])]);
      const { rows } = await db.query("SELECT a, b, v FROM pairs WHERE v NOT LIKE 'v%' ORDER BY b");
      expect(rows).toEqual([
        { a: "O'Neil", b: 3, v: 'changed' },
        { a: "O'NEIL", b: 5, v: 'replaced' },
      ]);
      expect((await db.query("SELECT v FROM names WHERE name = 'n3 '")).rows).toEqual([{ v: 'v3up' }]);
      for (const [table, n] of [
        ['pairs', 20],
        ['names', 20],
        ['blobs', 19],
      ] as const)
        expect((await db.query(`SELECT count(*) AS n FROM ${table}`)).rows).toEqual([{ n }]);
    }));

  it('whose keys have no exact text stay in the object: NUL, REAL and NULL', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ table: 'odd', by: 'at', unit: 'ms', hot: '1d' }] });
      await db.run('CREATE TABLE odd (k PRIMARY KEY, at INTEGER)');
      await db.batch([
        ["INSERT INTO odd VALUES ('a', 1), (char(120, 0, 121), 1), (2.5, 1), (NULL, 1), ('last', 1)"],
      ]);
      await expect(db.maintenance()).resolves.toMatchObject({
        extensions: { tiers: { archived: { odd: { rows: 1 } } } },
      });
      expect((await db.query('SELECT count(*) AS n FROM odd')).rows).toEqual([{ n: 5 }]);
    }));

  it('text that is no UTF-8 stays in the object as it is', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ table: 't', by: 'at', hot: '1d' }] });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, s TEXT)');
      await db.run(
        "INSERT INTO t VALUES (1, 1e12, CAST(x'ff41' AS TEXT)), (2, 1e12, CAST(x'f09f98' AS TEXT)), (3, 1e12, ?), (4, 4e12, '')",
        ['\uFFFD?'],
      );
      await db.maintenance();
      const rows = async (sql: string) => (await db.query(sql, [], { rows: 'values' })).rows;
      expect(await rows('SELECT id FROM main.t')).toEqual([[1], [2], [4]]);
      expect(await rows('SELECT hex(s) FROM t ORDER BY id')).toEqual([
        ['FF41'],
        ['F09F98'],
        ['EFBFBD3F'],
        [''],
      ]);
    }));

  it('rows that stay hold up none of those behind them', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, {
        tables: [{ table: 't', by: 'at', hot: '1d', segmentRows: 1000 }],
      });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, s TEXT)');
      await db.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2600) INSERT INTO t SELECT i, 1e12 + i, CASE WHEN i <= 2000 THEN CAST(x'ff' AS TEXT) ELSE 'x' END FROM n",
      );
      expect(await db.maintenance()).toMatchObject({
        extensions: { tiers: { archived: { t: { rows: 599 } }, done: true } },
      });
      expect((await db.query('SELECT count(*) AS n FROM main.t')).rows).toEqual([{ n: 2001 }]);
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 2600 }]);
    }));
});
