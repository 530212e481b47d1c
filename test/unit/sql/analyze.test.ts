import { describe, expect, test } from 'vitest';
import { analyze } from '../../../src/sql/analyze.ts';

/** References in short: `w:schema.name()=alias`, `cte:` and `'` for strings. */
function tables(sql: string): string[] {
  return analyze(sql).tables.map(
    (r) =>
      (r.role === 'write' ? 'w:' : '') +
      (r.cte ? 'cte:' : '') +
      (r.schema === undefined ? '' : `${r.schema}.`) +
      (r.string ? `'${r.name}'` : r.name) +
      (r.call ? '()' : '') +
      (r.alias === undefined ? '' : `=${r.alias}`),
  );
}

describe('analyze', () => {
  test.each([
    ['SELECT 1', 'read', 'SELECT'],
    ['values (1)', 'read', 'VALUES'],
    ['WITH x AS (SELECT 1) SELECT * FROM x', 'read', 'SELECT'],
    ['WITH x AS (SELECT 1) VALUES (1)', 'read', 'VALUES'],
    ['WITH x AS (SELECT 1) insert INTO t SELECT * FROM x', 'write', 'INSERT'],
    ['WITH x AS (SELECT 1) REPLACE INTO t SELECT * FROM x', 'write', 'REPLACE'],
    ['WITH x AS (SELECT 1) UPDATE t SET a = 1', 'write', 'UPDATE'],
    ['WITH x AS (SELECT 1) DELETE FROM t', 'write', 'DELETE'],
    ['EXPLAIN DELETE FROM t', 'read', 'EXPLAIN'],
    ['explain query plan SELECT 1', 'read', 'EXPLAIN'],
    ['EXPLAIN PRAGMA foreign_keys = OFF', 'pragma', 'PRAGMA'],
    ['; ; REPLACE INTO t VALUES (1);', 'write', 'REPLACE'],
    ['CREATE TABLE t(a)', 'ddl', 'CREATE'],
    ['DROP TABLE t', 'ddl', 'DROP'],
    ['ALTER TABLE t RENAME TO u', 'ddl', 'ALTER'],
    ['REINDEX', 'ddl', 'REINDEX'],
    ['ANALYZE t', 'ddl', 'ANALYZE'],
    ['PRAGMA table_info(t)', 'pragma', 'PRAGMA'],
    ['BEGIN IMMEDIATE', 'transaction', 'BEGIN'],
    ['COMMIT', 'transaction', 'COMMIT'],
    ['END', 'transaction', 'END'],
    ['ROLLBACK TO x', 'transaction', 'ROLLBACK'],
    ['SAVEPOINT x', 'transaction', 'SAVEPOINT'],
    ['release x', 'transaction', 'RELEASE'],
    ["ATTACH 'x' AS y", 'other', 'ATTACH'],
    ['DETACH y', 'other', 'DETACH'],
    ["VACUUM INTO 'x'", 'other', 'VACUUM'],
    ['selec 1', 'other', 'SELEC'],
    ['WITH x AS (SELECT 1)', 'other', 'WITH'],
    ['"SELECT" 1', 'other', '"SELECT"'],
    ['', 'other', ''],
    [' -- nothing\n;', 'other', ''],
  ])('%s is a %s statement with the verb %s', (sql, kind, verb) => {
    expect(analyze(sql)).toMatchObject({ sql, kind, verb });
  });

  test('names every table of a query with its alias', () => {
    expect(
      tables('SELECT * FROM a, main.b AS x JOIN "c d" y LEFT JOIN (SELECT * FROM e) z ON 1, json_each(?) j'),
    ).toEqual(['a', 'main.b=x', 'c d=y', 'e', 'json_each()=j']);
    expect(tables("SELECT * FROM 'https://x.test/a.csv' AS a WHERE b IN c")).toEqual([
      "'https://x.test/a.csv'=a",
      'c',
    ]);
    expect(tables('SELECT * FROM t window WINDOW w AS (ORDER BY a), v AS (w)')).toEqual(['t=window']);
    expect(tables('SELECT * FROM a LEFT JOIN b NATURAL JOIN c INDEXED BY i NOT INDEXED')).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  test('the span of a reference is its qualified name', () => {
    const sql = 'SELECT * FROM main . "a""b" AS x, t';
    const spans = analyze(sql).tables.map(({ start, end }) => sql.slice(start, end));
    expect(spans).toEqual(['main . "a""b"', 't']);
  });

  test('a common table expression is visible in its statement and shadows a table', () => {
    expect(
      tables('WITH t AS (SELECT * FROM u), v AS (SELECT * FROM t) SELECT * FROM v, main.t, t x'),
    ).toEqual(['u', 'cte:t', 'cte:v', 'main.t', 'cte:t=x']);
    expect(tables('SELECT (WITH t AS (SELECT 1) SELECT * FROM T), a FROM t')).toEqual(['cte:T', 't']);
    expect(tables('WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT * FROM n')).toEqual([
      'cte:n',
      'cte:n',
    ]);
    // SQLite folds ASCII letters only.
    expect(tables('WITH É AS (SELECT 1) SELECT * FROM é')).toEqual(['é']);
  });

  test('the target of a write is never a common table expression', () => {
    expect(tables('WITH t AS (SELECT 1) DELETE FROM t WHERE a IN t')).toEqual(['w:t', 'cte:t']);
    expect(tables('WITH t AS (SELECT 1) INSERT INTO t SELECT * FROM t')).toEqual(['w:t', 'cte:t']);
    expect(tables('UPDATE OR IGNORE main.t AS x SET a = 1 FROM u, v y WHERE b')).toEqual([
      'w:main.t=x',
      'u',
      'v=y',
    ]);
    expect(
      tables(
        'INSERT INTO t AS x (a) WITH u AS (SELECT 1) SELECT * FROM u WHERE 1 ON CONFLICT DO UPDATE SET a = (SELECT 1 FROM u)',
      ),
    ).toEqual(['w:t=x', 'cte:u', 'u']);
  });

  test('names what a schema change is about, not what it stores', () => {
    expect(tables('CREATE TEMP TABLE IF NOT EXISTS main.t(a REFERENCES p, CHECK (a IN (1)))')).toEqual([
      'w:main.t',
    ]);
    expect(tables('CREATE TABLE t AS WITH x AS (SELECT * FROM u) SELECT * FROM x, v')).toEqual([
      'w:t',
      'u',
      'cte:x',
      'v',
    ]);
    expect(tables('CREATE VIEW v(a) AS SELECT * FROM t')).toEqual(['w:v']);
    expect(tables('CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t(a) WHERE b IN (1)')).toEqual(['w:t']);
    expect(
      tables('CREATE TRIGGER r AFTER UPDATE OF a, b ON t BEGIN INSERT INTO u SELECT * FROM v; END'),
    ).toEqual(['w:t']);
    expect(tables('CREATE VIRTUAL TABLE f USING fts5(a, content = t)')).toEqual(['w:f']);
    expect(tables('DROP TABLE IF EXISTS main."a b"')).toEqual(['w:main.a b']);
    expect(tables('DROP VIEW v')).toEqual(['w:v']);
    expect(tables('DROP INDEX i')).toEqual([]);
    expect(tables('ALTER TABLE t ADD COLUMN b')).toEqual(['w:t']);
  });

  test('numbers parameters as SQLite does', () => {
    const { parameters, parameterCount } = analyze('SELECT ?, ?5, :a, ?, :a, $b::c(d), ?2 -- ?');
    expect(parameters.map(({ index, name }) => [index, name])).toEqual([
      [1, undefined],
      [5, undefined],
      [6, ':a'],
      [7, undefined],
      [6, ':a'],
      [8, '$b::c(d)'],
      [2, undefined],
    ]);
    expect(parameterCount).toBe(8);
    expect(analyze("SELECT '?' /* ? */").parameterCount).toBe(0);
  });

  test.each([
    ['INSERT OR ROLLBACK INTO t VALUES (1)', true],
    ['update or rollback t set a = 1', true],
    ['CREATE TABLE t(a PRIMARY KEY ON CONFLICT ROLLBACK)', true],
    ["CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT raise(ROLLBACK, 'no'); END", true],
    ["CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT raise(ABORT, 'rollback'); END", false],
    ['SELECT * FROM t WHERE a OR rollback', false],
    ["SELECT 'OR ROLLBACK', a AS rollback FROM t", false],
    ['ROLLBACK', false],
  ])('%s: a conflict rolls back the transaction: %s', (sql, expected) => {
    expect(analyze(sql).rollbackConflict).toBe(expected);
  });

  test.each([
    ['REPLACE INTO t VALUES (1)', true],
    ['INSERT OR REPLACE INTO t VALUES (1)', true],
    ['UPDATE OR REPLACE t SET a = 1', true],
    ["SELECT replace('a', 'b', 'c'), replace OR replace FROM t", false],
    ["INSERT INTO t VALUES (replace('a', 'b', 'c'))", false],
  ])('%s replaces rows: %s', (sql, expected) => {
    expect(analyze(sql).replace).toBe(expected);
  });

  test('sees RETURNING at statement level only', () => {
    expect(analyze('DELETE FROM t RETURNING a').returning).toBe(true);
    expect(analyze('INSERT INTO t SELECT * FROM u RETURNING *').returning).toBe(true);
    expect(analyze('DELETE FROM t WHERE "returning" = \'returning\'').returning).toBe(false);
  });

  test('counts the terms of the largest compound', () => {
    const terms = (sql: string) => analyze(sql).compoundTerms;
    expect(terms('SELECT 1')).toBe(1);
    expect(terms('VALUES (1), (2), (3)')).toBe(1);
    expect(terms('SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3')).toBe(3);
    expect(terms('SELECT (SELECT 1 UNION SELECT 2), (SELECT 1 UNION SELECT 2 UNION SELECT 3)')).toBe(3);
    expect(terms('CREATE VIEW v AS SELECT 1 UNION SELECT 2')).toBe(2);
    expect(
      terms('CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1 UNION SELECT 2; SELECT 1 UNION SELECT 2; END'),
    ).toBe(2);
  });

  test('names a pragma and tells whether it has an argument', () => {
    expect(analyze('PRAGMA Foreign_Keys').pragma).toEqual({ name: 'foreign_keys', assigns: false });
    expect(analyze('PRAGMA main.foreign_keys == on').pragma).toEqual({ name: 'foreign_keys', assigns: true });
    expect(analyze('pragma "table_info" (t)').pragma).toEqual({ name: 'table_info', assigns: true });
    expect(analyze('SELECT 1').pragma).toBeUndefined();
  });

  test('describes the first statement of several', () => {
    expect(analyze('SELECT ? FROM t; ; -- end\n')).toMatchObject({ parameterCount: 1 });
    const two = analyze('SELECT ? FROM t; DELETE FROM u WHERE a = ?');
    expect(two).toMatchObject({ kind: 'read', parameterCount: 1 });
    expect(two.tables).toHaveLength(1);
  });

  test('deep nesting and long lists are no problem', () => {
    expect(analyze(`SELECT ${'('.repeat(50_000)}1`).kind).toBe('read');
    expect(analyze(`SELECT * FROM ${'('.repeat(10_000)}t${')'.repeat(10_000)}`).tables).toHaveLength(1);
    expect(analyze(`INSERT INTO t VALUES ${'(?, ?),'.repeat(20_000)}(?, ?)`).parameterCount).toBe(40_002);
  });
});
