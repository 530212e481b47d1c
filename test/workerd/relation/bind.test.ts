import { describe, expect, test } from 'vitest';
import type { RelationColumn } from '../../../src/relation/provider.ts';
import { MemoryProvider } from './memory.ts';
import { withRelations } from './open.ts';

const URL = 'https://example.test/users.json';
const COLUMNS: RelationColumn[] = [
  { name: 'id', affinity: 'INTEGER' },
  { name: 'name', affinity: 'TEXT', collate: 'NOCASE' },
  { name: 'score', affinity: 'REAL' },
];
const users = () => ({
  provider: new MemoryProvider(COLUMNS, [
    [1, 'Ada', 1.5],
    [2, 'bob', 2],
    [9007199254740993n, null, 0.1],
  ]),
});

describe('foreign rows in a statement', () => {
  test('a string in the place of a table is a relation, with or without an alias', () =>
    withRelations({ [URL]: users(), read_x: users() }, async (db) => {
      expect((await db.query(`SELECT name FROM '${URL}' WHERE id = '2'`)).rows).toEqual([{ name: 'bob' }]);
      expect((await db.query(`SELECT u.name FROM '${URL}' u WHERE u.id = ?`, [1])).rows).toEqual([
        { name: 'Ada' },
      ]);
      expect(
        (await db.query(`SELECT x.name, :b FROM read_x('a', b = :c) AS x WHERE name = 'BOB'`, { b: 1, c: 2 }))
          .columns,
      ).toEqual(['name', ':b']);
    }));

  test('integers are exact', () =>
    withRelations({ [URL]: users() }, async (db) => {
      const sql = `SELECT max(id) AS id FROM '${URL}'`;
      expect((await db.query(sql, [], { integers: 'bigint' })).rows).toEqual([{ id: 9007199254740993n }]);
    }));

  test('a write reads them', () =>
    withRelations({ [URL]: users(), users: users() }, async (db) => {
      expect((await db.run(`CREATE TABLE t AS SELECT * FROM '${URL}'`)).rows).toEqual([]);
      await db.run('INSERT INTO t WITH a AS (SELECT * FROM users) SELECT * FROM a WHERE id < ?', [2]);
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 4 }]);
      const { rows, changes } = await db.run(
        'UPDATE t SET name = (SELECT u.name FROM users u WHERE u.id = t.id) || ? WHERE id IN (SELECT id FROM users) RETURNING id, name',
        ['!'],
        { integers: 'string' },
      );
      expect(rows.length).toBe(4);
      expect(changes).toBe(4);
    }));

  test('a synchronous call is refused', () =>
    withRelations({ users: users() }, async (db) => {
      expect(() => db.querySync('SELECT * FROM users')).toThrow(
        expect.objectContaining({ code: 'NEEDS_ASYNC' }),
      );
      expect(() => db.transactionSync((tx) => tx.query('SELECT * FROM users'))).toThrow(
        expect.objectContaining({ code: 'FOREIGN_IN_TRANSACTION' }),
      );
      expect(
        (await db.batch(['CREATE TABLE t (x)', 'INSERT INTO t SELECT id FROM users'])).map(
          ({ changes }) => changes,
        ),
      ).toEqual([0, 3]);
      expect(
        (await db.transaction(async (tx) => tx.query('SELECT count(*) AS n FROM users, t'))).rows,
      ).toEqual([{ n: 9 }]);
    }));

  test('rows of a real table and rows from outside are one relation', () =>
    withRelations({ users: { shadows: true, open: users } }, async (db) => {
      await db.run('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, score REAL)');
      await db.run("INSERT INTO users VALUES (7, 'cid', 3)");
      expect((await db.query('SELECT count(*) AS n FROM users')).rows).toEqual([{ n: 4 }]);
      expect((await db.query('SELECT count(*) AS n FROM main.users')).rows).toEqual([{ n: 1 }]);
      expect(
        (await db.query("SELECT id FROM users WHERE name = 'CID' OR id = '2' OR name = 'ada' ORDER BY id"))
          .rows,
      ).toEqual([{ id: 1 }, { id: 2 }, { id: 7 }]);
      expect(
        (
          await db.query(
            "SELECT a.id FROM users a JOIN users b ON a.id = b.id WHERE b.name = 'CID' OR b.id = '2' OR b.name = 'ada' ORDER BY a.id",
          )
        ).rows,
      ).toEqual([{ id: 1 }, { id: 2 }, { id: 7 }]);
      expect((await db.query('SELECT count(*) AS n FROM users', [], { tier: 'hot' })).rows).toEqual([
        { n: 1 },
      ]);
      expect(db.querySync('SELECT count(*) AS n FROM users', [], { tier: 'hot' }).rows).toEqual([{ n: 1 }]);
    }));

  test('explain shows the text and the sources', () =>
    withRelations({ users: users() }, async (db) => {
      const { sql, sources } = await db.explain('SELECT * FROM users WHERE id = ?', [1]);
      expect(sql).toContain('json_each');
      expect(sources).toHaveLength(1);
    }));

  test('every place of a statement can name one', () =>
    withRelations({ [URL]: users(), users: users() }, async (db) => {
      await db.run('CREATE TABLE local (id INTEGER)');
      await db.run('INSERT INTO local VALUES (1), (2), (7)');
      const ids = async (sql: string, params: unknown[] = []) =>
        (await db.query(sql, params as never, { rows: 'values', integers: 'string' })).rows.map(
          (row) => (row as unknown as unknown[])[0],
        );
      expect(
        await ids(`SELECT id FROM local WHERE id IN (SELECT id FROM '${URL}' WHERE id < ?)`, [2]),
      ).toEqual([1]);
      expect(
        await ids(
          `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < (SELECT count(*) FROM users)) SELECT n FROM c`,
        ),
      ).toEqual([1, 2, 3]);
      expect(
        await ids(
          `SELECT id FROM users WHERE id < 2 UNION ALL SELECT id FROM '${URL}' WHERE id = :x EXCEPT SELECT 7`,
          [2],
        ),
      ).toEqual([1, 2]);
      // Seven terms: more than the platform takes in one compound.
      expect(await ids(Array(7).fill('SELECT max(id) FROM users WHERE id < 3').join(' UNION ALL '))).toEqual(
        Array(7).fill(2),
      );
      expect(
        await ids(`; SELECT l.id FROM (local l LEFT JOIN users u ON u.id = l.id) WHERE u.id IS NULL;`),
      ).toEqual([7]);
      expect(await ids(`SELECT a.id FROM '${URL}' a, '${URL}' b WHERE a.id = b.id AND a.id < 3`)).toEqual([
        1, 2,
      ]);
      expect(await ids(`SELECT u.id FROM local JOIN users AS u USING (id)`)).toEqual([1, 2]);
      expect((await ids(`EXPLAIN QUERY PLAN SELECT * FROM users`)).length).toBeGreaterThan(0);
      await db.run(
        'CREATE TABLE copy AS WITH some AS (SELECT * FROM users WHERE id < ?) SELECT * FROM some',
        [3],
      );
      await db.run(
        'INSERT INTO local WITH x AS (SELECT id FROM copy) SELECT x.id + 10 FROM x, users WHERE 1 ON CONFLICT DO NOTHING',
      );
      expect(await ids('SELECT count(*) FROM local')).toEqual([9]);
      expect(
        (await db.run('DELETE FROM local WHERE id IN (SELECT id FROM users) RETURNING id')).rows,
      ).toEqual([{ id: 1 }, { id: 2 }]);
      expect(
        (
          await db.query(
            `SELECT 1; INSERT INTO local SELECT id FROM users WHERE id = 1; SELECT count(*) AS n FROM local`,
          )
        ).rows,
      ).toEqual([{ n: 8 }]);
      expect(await db.sql`SELECT name FROM users WHERE id = ${1}`).toEqual([{ name: 'Ada' }]);
    }));
});
