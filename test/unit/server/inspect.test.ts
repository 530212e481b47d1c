import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inspect } from '../../../src/server/inspect.ts';
import { normalise } from '../../../src/server/session.ts';

describe('inspect', () => {
  test.each([
    ['SELECT 1', 'read'],
    ['VALUES (1)', 'read'],
    ['EXPLAIN DELETE FROM items', 'read'],
    ['PRAGMA table_info(items)', 'read'],
    ['WITH a AS (SELECT 1) SELECT * FROM a', 'read'],
    ['WITH a AS (SELECT 1) INSERT INTO items SELECT * FROM a', 'write'],
    ['REPLACE INTO items VALUES (1)', 'write'],
    ['CREATE TABLE t (a)', 'schema'],
    ['ALTER TABLE t RENAME TO u', 'schema'],
    ['ANALYZE', 'schema'],
  ])('%s is to %s', (sql, access) => {
    expect(inspect(sql)).toMatchObject({ access });
    expect(inspect(sql).refusal).toBeUndefined();
  });

  test('leaves a statement that looks into nothing of SQLite as it is', () => {
    for (const sql of ["SELECT * FROM items WHERE a = '_dosql_x'", 'UPDATE items SET a = :a RETURNING *'])
      expect(inspect(sql).sql).toBe(sql);
  });

  test('puts what is visible in the place of the schema, with the names it had', () => {
    const where = (sql: string) => inspect(sql).sql.replaceAll(/ WHERE [^)]*\)/g, ' …)');
    expect(where('SELECT * FROM sqlite_master')).toBe(
      'SELECT * FROM (SELECT * FROM sqlite_master …) AS sqlite_master',
    );
    expect(where('SELECT m.name FROM main.sqlite_schema AS m')).toBe(
      'SELECT m.name FROM (SELECT * FROM sqlite_schema …) AS m',
    );
    expect(where('SELECT (1, 2) IN sqlite_sequence')).toBe(
      'SELECT (1, 2) IN (SELECT * FROM sqlite_sequence …)',
    );
    expect(where('SELECT * FROM pragma_table_info(?1, ?2) p')).toBe(
      'SELECT * FROM pragma_table_info((SELECT a FROM (SELECT ?1 AS a) …), ?2) p',
    );
    expect(where('SELECT * FROM pragma_table_info((SELECT name FROM sqlite_master))')).toBe(
      'SELECT * FROM pragma_table_info((SELECT a FROM (SELECT (SELECT name FROM (SELECT * FROM sqlite_master …) AS sqlite_master) AS a) …))',
    );
    expect(where('PRAGMA main.index_list("a b")')).toBe(
      "SELECT * FROM pragma_index_list((SELECT a FROM (SELECT 'a b' AS a) …))",
    );
  });

  test.each([
    'SELECT 1; SELECT 2',
    '',
    'ATTACH x AS y',
    'PRAGMA foreign_keys = 0',
    'PRAGMA table_info(a, b)',
    'PRAGMA table_info',
    'EXPLAIN PRAGMA table_info(a)',
    'SELECT * FROM pragma_table_info',
    'SELECT * FROM pragma_table_info()',
    'SELECT * FROM pragma_journal_mode',
    'SELECT * FROM pragma_table_list((SELECT name FROM sqlite_master))',
    'SELECT * FROM sqlite_master(1)',
    'SELECT * FROM sqlite_stat1',
    'INSERT INTO sqlite_sequence VALUES (1, 2)',
    'SELECT "_dosql_x" FROM items',
    'SELECT * FROM _Cf_x',
    "CREATE VIEW v AS SELECT '_dosql_x'",
    'CREATE TABLE t AS SELECT * FROM pragma_table_list',
  ])('refuses %s', (sql) => {
    expect(inspect(sql).refusal).toBeDefined();
  });

  test('takes no longer for each of many names than for one', () => {
    const sql = `SELECT 1 FROM ${Array(20_000).fill('sqlite_master').join(', ')}`;
    const start = performance.now();
    expect(inspect(sql).refusal).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test('never fails, whatever the text', () => {
    const piece = fc.constantFrom(
      ...'SELECT FROM sqlite_master pragma_table_info ( ) , . ; * " \' ` [ ] -- /* PRAGMA = main IN JOIN AS x 1 ?'.split(
        ' ',
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 12 }), (pieces) => {
        for (const sql of [pieces.join(' '), pieces.join('')]) {
          const { refusal, names } = inspect(sql);
          if (!refusal)
            expect([...names].filter((name) => /^(_dosql_|_cf_|__miniflare_)/.test(name))).toEqual([]);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

test('normalise: what SQLite reads alike is alike, what it does not is not', () => {
  expect(normalise('select A,b -- x\n\tFROM  T /* y */ ;; ')).toBe(normalise('SELECT a , B from t'));
  for (const [a, b] of [
    ["SELECT 'a'", "SELECT 'A'"],
    ['SELECT "a"', 'SELECT "A"'],
    ['SELECT a b', 'SELECT ab'],
    ['SELECT 1 - -1', 'SELECT 1 --1'],
    ['SELECT ?1', 'SELECT ?2'],
  ] as const)
    expect(normalise(a)).not.toBe(normalise(b));
});
