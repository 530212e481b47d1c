import { beforeAll, describe, expect, test } from 'vitest';
import { put, withVirtual } from './open.ts';

beforeAll(() =>
  put({
    'users.json': JSON.stringify([
      { id: 1, name: 'Ada', role: 'admin', tags: ['a', { b: 1 }], big: 0 },
      { id: 2, name: 'Bob', role: 'user' },
    ]).replace('"big":0', '"big":9007199254740993'),
    'items.json': JSON.stringify({ data: { items: [{ id: 7 }, { id: 8 }] } }),
    'lines.ndjson': '{"id":1,"x":1.5}\n\n{"id":2,"x":2,"y":true}\n',
    'people.csv': 'id,name,zip\r\n1,"Ada ""the"" first",01234\r\n2,,99999\n',
    'versions.csv': 'v,n\n1.10,1\n1e5,2\n0.0,3\n',
    'semi.txt': 'a;b\nNULL;2\n',
  }),
);

describe('text files in R2', () => {
  test('a JSON array is a table', () =>
    withVirtual(async (db) => {
      const { rows } = await db.query(`SELECT id, name FROM 'r2://b/users.json' WHERE role = 'admin'`);
      expect(rows).toEqual([{ id: 1, name: 'Ada' }]);
      const all = await db.query(`SELECT * FROM 'r2://b/users.json'`, [], { integers: 'bigint' });
      expect(all.columns).toEqual(['id', 'name', 'role', 'tags', 'big']);
      expect(all.rows[0]).toMatchObject({ tags: '["a",{"b":1}]', big: 9007199254740993n });
    }));

  test('an error shows the statement that was written, and no place in another one', () =>
    withVirtual(async (db) => {
      const written = `SELECT name FROM 'r2://b/users.json' WHERE nope = 1`;
      const error = await db.query(written).catch((reason) => reason);
      expect(error).toMatchObject({ code: 'NO_SUCH_COLUMN', columns: ['nope'], statement: written });
      expect([error.offset, error.message]).toEqual([undefined, expect.not.stringContaining('offset')]);
    }));

  test('what is nested too deeply to be a value is an error with a code', async () => {
    const deep = `[{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}]`;
    await put({ 'deep.json': deep });
    await withVirtual(async (db) => {
      await expect(db.query(`SELECT * FROM 'r2://b/deep.json'`)).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
      });
    });
  });

  test('a transaction reads while it holds back more reading than may be open at once', () =>
    withVirtual(async (db) => {
      const ids = `SELECT id FROM 'r2://b/users.json'`;
      const rows = [{ id: 1 }, { id: 2 }];
      const outside = Array.from({ length: 9 }, () => db.query(ids));
      const inside = db.transaction(async (tx) => {
        const nested = tx.transaction(async (inner) => (await inner.query(ids)).rows);
        return [await nested, ...(await Promise.all([1, 2, 3].map(() => tx.query(ids)))).map((r) => r.rows)];
      });
      expect(await inside).toEqual([rows, rows, rows, rows]);
      for (const read of outside) expect((await read).rows).toEqual(rows);
    }));

  test('a path leads to the rows of a document', () =>
    withVirtual(async (db) => {
      const { rows } = await db.query(
        `SELECT sum(id) AS n FROM read_json('r2://b/items.json', path = '$.data.items')`,
      );
      expect(rows).toEqual([{ n: 15 }]);
    }));

  test('a CSV column that is declared as text keeps its text', () =>
    withVirtual(async (db) => {
      const call = await db.query(
        "SELECT v FROM read_csv('r2://b/versions.csv', columns = {'V': 'VARCHAR', 'n': 'INT'}) WHERE n > 0",
      );
      db.source('versions', { url: 'r2://b/versions.csv', columns: { v: 'TEXT', n: 'REAL' } });
      const named = await db.query("SELECT v FROM versions WHERE v <> '1.1' AND n < 9");
      for (const { rows } of [call, named])
        expect(rows.map((row) => Object.values(row)[0])).toEqual(['1.10', '1e5', '0.0']);
    }));

  test('empty files among others say nothing, and alone they have no rows', () =>
    withVirtual(async (db) => {
      await put({
        'days/1.json': '[]',
        'days/2.json': '[{"id":1}]',
        'days/3.json': '[]',
        'weeks/1.csv': '',
        'weeks/2.csv': 'id\n1\n',
        'weeks/3.csv': '',
      });
      for (const source of ['days/*.json', 'weeks/*.csv'])
        expect((await db.query(`SELECT * FROM 'r2://b/${source}'`)).rows).toEqual([{ id: 1 }]);
      expect(await db.query(`SELECT * FROM 'r2://b/days/1.json'`)).toMatchObject({
        rows: [],
        columns: ['json'],
      });
      expect(await db.query(`SELECT * FROM 'r2://b/weeks/1.csv'`)).toMatchObject({
        rows: [],
        columns: ['column0'],
      });
    }));

  test('CSV numbers that a double would change stay text, and the others of their column with them', () =>
    withVirtual(async (db) => {
      await put({ 'big.csv': 'a,b,c\n9007199254740993,1e400,9007199254740993\n0.5,2,1\n' });
      const { rows } = await db.query(`SELECT * FROM 'r2://b/big.csv'`, [], { integers: 'bigint' });
      expect(rows).toEqual([
        { a: '9007199254740993', b: '1e400', c: 9007199254740993n },
        { a: '0.5', b: '2', c: 1 },
      ]);
    }));

  test('NDJSON and CSV', () =>
    withVirtual(async (db) => {
      const lines = await db.query(`SELECT * FROM 'r2://b/lines.ndjson'`);
      expect(lines.rows).toEqual([
        { id: 1, x: 1.5, y: null },
        { id: 2, x: 2, y: 1 },
      ]);
      const people = await db.query(`SELECT * FROM read_csv(?)`, ['r2://b/people.csv']);
      expect(people.rows).toEqual([
        { id: 1, name: 'Ada "the" first', zip: '01234' },
        { id: 2, name: null, zip: '99999' },
      ]);
      const semi = await db.query(
        `SELECT a, b + 1 AS b FROM read_csv('r2://b/semi.txt', delim = ';', nullstr = 'NULL', columns = {'a': 'VARCHAR', 'b': 'BIGINT'})`,
      );
      expect(semi.rows).toEqual([{ a: null, b: 3 }]);
    }));

  test('the seed: rows of the object joined with a file, and a table made of one', () =>
    withVirtual(async (db) => {
      await db.run('CREATE TABLE roles (role TEXT PRIMARY KEY, label TEXT)');
      await db.run(`INSERT INTO roles VALUES ('admin', 'Administrator')`);
      const joined = await db.query(
        `SELECT u.name, r.label FROM roles r JOIN 'r2://b/users.json' u ON u.role = r.role`,
      );
      expect(joined.rows).toMatchObject([{ name: 'Ada', label: 'Administrator' }]);
      await db.run(`CREATE TABLE people AS SELECT id, name FROM 'r2://b/users.json'`);
      await db.run(`INSERT INTO people SELECT id + 10, name FROM 'r2://b/people.csv'`);
      expect((await db.query('SELECT count(*) AS n, max(id) AS id FROM people')).rows).toEqual([
        { n: 4, id: 12 },
      ]);
    }));

  test('named sources', () =>
    withVirtual(async (db) => {
      db.source('crew', { url: 'r2://b/users.json', columns: { id: 'INTEGER', name: 'TEXT' } });
      expect((await db.query('SELECT * FROM crew ORDER BY id DESC LIMIT 1')).rows).toEqual([
        { id: 2, name: 'Bob' },
      ]);
      expect((await db.explain('SELECT * FROM crew')).sources).toMatchObject([
        { relation: 'crew', filesRead: 1 },
      ]);
      await db.run('CREATE TABLE taken (id)');
      expect(() => db.source('Taken', { url: 'r2://b/users.json' })).toThrow(/a table is/);
    }));
});
