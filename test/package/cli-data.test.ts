import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workerd } from '../crash/workerd.ts';
import { Shell, tokenFor } from './cli/process.ts';

let workerd: Workerd;
let shell: Shell;
let token: string;
const database = (name: string) => `${workerd.url}/databases/${name}/`;

beforeAll(async () => {
  workerd = await Workerd.create('test/package/cli/worker.ts');
  await workerd.start();
  shell = await Shell.create();
  token = await tokenFor(['source', 'target', 'rows', 'cut']);
});
afterAll(async () => {
  await shell.remove();
  await workerd.dispose();
});

const dosql = (...args: string[]) => shell.dosql(token, args);
const query = async (name: string, sql: string) => {
  const { stdout, stderr, code } = await dosql('query', database(name), sql, '--json');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as { columns: string[]; rows: unknown[][]; changes: number };
};

const SCHEMA = [
  'CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, shout TEXT AS (upper(name)) STORED)',
  'CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users(id) ON DELETE CASCADE, parent INTEGER REFERENCES posts(id), v)',
  'CREATE VIRTUAL TABLE search USING fts5(body)',
  `CREATE TRIGGER counted AFTER INSERT ON users BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.name); END`,
  `INSERT INTO users(name) VALUES ('Ada; the first'), ('it''s'), ('ü😀')`,
  "INSERT INTO posts VALUES (1,1,2,9223372036854775807),(2,2,NULL,1.0/3),(3,3,1,x'00ff'),(4,1,NULL,9e999),(5,1,NULL,'a'||char(0)||'b'),(6,1,NULL,5.0)",
];

describe('query, export and import', () => {
  test('a dump loads in any SQLite and in another object, with every value exact', async () => {
    for (const sql of SCHEMA) await query('source', sql);
    const exported = await dosql('export', database('source'), '--out', 'dump.sql');
    expect(exported).toMatchObject({ code: 0, stderr: '' });

    const sqlite = new DatabaseSync(':memory:');
    sqlite.exec(shell.read('dump.sql'));
    expect(sqlite.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
    expect(
      sqlite.prepare('SELECT typeof(v) AS t, quote(v) AS q FROM posts').all().map(Object.values),
    ).toEqual([
      ['integer', '9223372036854775807'],
      ['real', expect.stringMatching(/^0.333/)],
      ['blob', "X'00FF'"],
      ['real', expect.stringMatching(/^(9.0e\+999|Inf)$/)],
      ['text', "'a'"],
      ['real', '5.0'],
    ]);
    expect(sqlite.prepare("SELECT rowid FROM search('first')").all().map(Object.values)).toEqual([[1]]);
    expect(sqlite.prepare('SELECT shout FROM users').all().map(Object.values)).toEqual([
      ['ADA; THE FIRST'],
      ["IT'S"],
      ['ü😀'],
    ]);

    expect(await dosql('import', database('target'), 'dump.sql')).toMatchObject({ code: 0, stderr: '' });
    for (const sql of [
      'SELECT * FROM users',
      'SELECT *, typeof(v) FROM posts',
      "SELECT rowid FROM search('ada')",
      'SELECT * FROM sqlite_sequence',
    ])
      expect((await query('target', sql)).rows).toEqual((await query('source', sql)).rows);
    // Again: the ledger knows the file.
    expect(await dosql('import', database('target'), 'dump.sql')).toMatchObject({ code: 0 });
    expect((await query('target', 'SELECT count(*) FROM users')).rows).toEqual([[3]]);
    expect((await dosql('export', database('target'), '--out', 'again.sql')).code).toBe(0);
    expect(shell.read('again.sql')).toBe(shell.read('dump.sql'));
  });

  test.each(['ndjson', 'csv'])('rows of a table go out and in again as %s', async (format) => {
    const file = `posts.${format}`;
    const args = ['--format', format, '--table', 'posts'];
    expect((await dosql('export', database('source'), '--out', file, ...args)).code).toBe(0);
    await query('rows', 'DROP TABLE IF EXISTS posts');
    await query('rows', 'CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER, parent INTEGER, v)');
    expect(await dosql('import', database('rows'), file)).toMatchObject({ code: 0, stderr: '' });
    const sql = 'SELECT *, typeof(v) FROM posts';
    expect((await query('rows', sql)).rows).toEqual((await query('source', sql)).rows);
  });

  test('a table on the terminal, an error, a wrong use: each has its exit code, and none shows the token', async () => {
    const table = await dosql(
      'query',
      database('source'),
      'SELECT id, name FROM users WHERE id < :id',
      '--params',
      '{"id":2}',
    );
    expect(table.code).toBe(0);
    expect(table.stdout).toContain('Ada; the first');
    const failed = await dosql('query', database('source'), 'SELECT * FROM nowhere', '--json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ error: { code: 'NO_SUCH_TABLE' } });
    const denied = await shell.dosql('', ['query', database('source'), 'SELECT 1', '--token', 'not-a-token']);
    expect(denied).toMatchObject({ code: 1, stderr: expect.stringMatching(/valid token.*DOSQL_TOKEN/) });
    const broken = await dosql(
      'query',
      database('source'),
      'SELECT 1',
      '--token',
      'not-a-token\nof one line',
    );
    expect(broken).toMatchObject({ code: 1, stdout: '' });
    expect(await dosql('query')).toMatchObject({ code: 2 });
    expect(await dosql('import', database('source'), 'rows.txt')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('give --format'),
    });
    const nobody = await dosql('query', 'http://user:hidden@127.0.0.1:1/?authToken=hidden', 'SELECT 1');
    expect(nobody.code).toBe(1);
    for (const { stdout, stderr } of [table, failed, denied, broken, nobody])
      expect(stdout + stderr).not.toMatch(new RegExp(`${token}|not-a-token|hidden`));
  });

  test('parameters are exact: large integers as they are, BLOBs and integers in the form of the server', async () => {
    const params = '[9007199254740993,{"$int":"-9223372036854775808"},{"$blob":"AP8="}]';
    const ask = ['query', database('source'), 'SELECT ? AS a, ? AS b, ? AS c', '--params', params];
    const table = await dosql(...ask);
    expect(table, table.stderr).toMatchObject({ code: 0 });
    for (const shown of ['9007199254740993', '-9223372036854775808', "x'00ff'"])
      expect(table.stdout).toContain(shown);
    expect(JSON.parse((await dosql(...ask, '--json')).stdout).rows).toEqual([
      [{ $int: '9007199254740993' }, { $int: '-9223372036854775808' }, { $blob: 'AP8=' }],
    ]);
  });

  test('what is no export is not kept as one', async () => {
    const strange = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>');
    }).listen(0, '127.0.0.1');
    await once(strange, 'listening');
    const at = `http://127.0.0.1:${(strange.address() as AddressInfo).port}/`;
    try {
      expect(await dosql('export', at, '--out', 'page.sql')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('text/html'),
      });
      expect(() => shell.read('page.sql')).toThrow();
    } finally {
      strange.close();
    }
  });

  test('JSON of somebody else is no answer, and a file that cannot be written is named', async () => {
    const strange = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    }).listen(0, '127.0.0.1');
    await once(strange, 'listening');
    const at = `http://127.0.0.1:${(strange.address() as AddressInfo).port}/`;
    try {
      const { code, stderr } = await dosql('query', at, 'SELECT 1');
      expect([code, stderr.split('\n').length]).toEqual([1, 2]);
      expect(stderr).toContain('is not that of a DoSQL server');
    } finally {
      strange.close();
    }
    for (const out of ['nowhere/dump.sql', '.']) {
      const { code, stderr } = await dosql('export', database('source'), '--out', out);
      expect([code, stderr.split('\n').length]).toEqual([1, 2]);
      expect(stderr).toMatch(/^dosql: E[A-Z]+: /);
    }
  });

  test('a reader that has enough ends an export without a word', async () => {
    await query(
      'rows',
      'CREATE TABLE large AS SELECT hex(zeroblob(400000)) AS a FROM json_each(json_array(1,2,3))',
    );
    const child = shell.start(['export', database('rows')], { DOSQL_TOKEN: token });
    let stderr = '';
    child.stderr!.on('data', (text) => (stderr += text));
    child.stdout!.once('data', () => child.stdout!.destroy());
    const [code] = await once(child, 'close');
    expect([code, stderr]).toEqual([1, '']);
  });

  test('a dump that is cut off is refused, and goes on when it is whole', async () => {
    const text = shell.read('dump.sql');
    shell.write('cut.sql', text.slice(0, text.indexOf('INSERT INTO "posts"') + 40));
    const cut = await dosql('import', database('cut'), 'cut.sql', '--id', 'one');
    expect(cut.code).toBe(1);
    shell.write('cut.sql', text);
    expect(await dosql('import', database('cut'), 'cut.sql', '--id', 'one')).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect((await query('cut', 'SELECT count(*) FROM posts')).rows).toEqual([[6]]);
  });
});
