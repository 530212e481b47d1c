import { expect, test } from 'vitest';
import { type Served, served } from './served.ts';

const ITEMS = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL, data BLOB)';

test('a query answers with columns and rows, a write with what it changed', () =>
  served(
    async ({ query }) => {
      const written = await query('INSERT INTO items (name, price) VALUES (?, :price)', ['a', 1.5]);
      expect(written).toMatchObject({ status: 200, body: { changes: 1, lastInsertRowid: 1 } });
      const read = await query('SELECT id, name, price, id FROM items WHERE name = :name', { name: 'a' });
      expect(read.body).toMatchObject({
        columns: ['id', 'name', 'price', 'id'],
        rows: [[1, 'a', 1.5, 1]],
        changes: 0,
      });
    },
    {},
    { schema: [ITEMS] },
  ));

test('values come back exactly: integers of 64 bits, BLOBs, infinities, negative zero', () =>
  served(async ({ query }) => {
    const values = [
      { $int: '9223372036854775807' },
      { $int: '-9223372036854775808' },
      { $int: '9007199254740993' },
      { $blob: btoa('\0\x01\xff') },
      { $blob: '' },
      { $real: 'Infinity' },
      { $real: '-Infinity' },
      { $real: '-0' },
      0.1,
      null,
      'text \u0000 with NUL, "quotes" and 🎈',
    ];
    const { body } = await query(`SELECT ${values.map((_, i) => `? AS c${i}`).join(',')}`, values);
    expect(body['rows']).toEqual([values]);
  }));

test('several statements are one transaction', () =>
  served(
    async ({ post, query }) => {
      const failed = await post('/query', {
        statements: [
          ['INSERT INTO items (name) VALUES (?)', ['a']],
          { sql: 'INSERT INTO items (name) VALUES (:n)', params: { n: 'a' } },
        ],
      });
      expect(failed).toMatchObject({
        status: 409,
        body: { code: 'UNIQUE_VIOLATION', table: 'items', columns: ['name'] },
      });
      expect((await query('SELECT * FROM items')).body['rows']).toEqual([]);
      const done = await post<{ results: { rows: unknown[] }[] }>('/query', {
        statements: [['INSERT INTO items (name) VALUES (?)', ['a']], 'SELECT name FROM items'],
      });
      expect(done.body.results[1]!.rows).toEqual([['a']]);
    },
    {},
    { schema: [ITEMS] },
  ));

test('rows are streamed as lines, with an end that says what it cost', () =>
  served(
    async ({ handler, db }) => {
      await db.run('INSERT INTO items (id) SELECT value FROM json_each(?)', [
        JSON.stringify(Array.from({ length: 3000 }, (_, i) => i + 1)),
      ]);
      const response = await handler.fetch(
        new Request('https://object.example/a/b/query', {
          method: 'POST',
          headers: { accept: 'application/x-ndjson' },
          body: JSON.stringify({
            sql: 'SELECT id, CAST(? AS INTEGER) FROM items ORDER BY id',
            params: [{ $int: '9007199254740993' }],
          }),
        }),
      );
      expect(response.headers.get('content-type')).toBe('application/x-ndjson');
      const lines = new TextDecoder()
        .decode(await response.arrayBuffer())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines).toHaveLength(3002);
      expect(lines[0].columns).toHaveLength(2);
      expect(lines[3000]).toEqual([3000, { $int: '9007199254740993' }]);
      expect(lines[3001]).toMatchObject({ end: true, changes: 0 });
    },
    {},
    { schema: [ITEMS] },
  ));

test('a stream that its reader leaves does not lock its table', () =>
  served(
    async ({ handler, db }) => {
      await db.run('INSERT INTO items (id) SELECT value FROM json_each(?)', [
        JSON.stringify(Array.from({ length: 3000 }, (_, i) => i + 1)),
      ]);
      const response = await handler.fetch(
        new Request('https://object.example/query', {
          method: 'POST',
          headers: { accept: 'application/x-ndjson' },
          body: JSON.stringify({ sql: 'SELECT id FROM items' }),
        }),
      );
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
      await db.run('DROP TABLE items');
    },
    {},
    { schema: [ITEMS] },
  ));

test('an error has a code and a status, and no stack, statement or value', () =>
  served(async ({ post, query }) => {
    expect(await query('SELEC 1')).toMatchObject({ status: 400, body: { code: 'SYNTAX_ERROR' } });
    expect(await query('SELECT * FROM nowhere')).toEqual({
      status: 400,
      body: {
        code: 'NO_SUCH_TABLE',
        message: expect.stringContaining('no such table: nowhere'),
        table: 'nowhere',
      },
    });
    expect(await post('/query', { sql: 'SELECT 1', statements: ['SELECT 2'] })).toMatchObject({
      status: 400,
      body: { code: 'INVALID_ARGUMENT' },
    });
    // As serializers write what is not there.
    expect(await post('/query', { sql: null, params: null, statements: ['SELECT 2'] })).toMatchObject({
      status: 200,
    });
    expect(await post('/query', 'not json')).toMatchObject({
      status: 400,
      body: { code: 'INVALID_ARGUMENT' },
    });
    expect(await post('/nowhere', {})).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await query('SELECT ?', [{ $int: '1e5' }])).toMatchObject({ body: { code: 'INVALID_PARAMETER' } });
    expect(await query('SELECT ?', [[1]])).toMatchObject({ body: { code: 'INVALID_PARAMETER' } });
    expect(await query('SELECT ?', [])).toMatchObject({ body: { code: 'PARAMETER_COUNT' } });
    expect(await query('SELECT 1; SELECT 2')).toMatchObject({ body: { code: 'MULTIPLE_STATEMENTS' } });
    expect(await query('  -- nothing')).toMatchObject({ body: { code: 'EMPTY_STATEMENT' } });
  }));

test('an error of a later row is told as one of the first, whichever way it is asked for', () =>
  served(async ({ post, query }) => {
    const sql = 'SELECT json(value) FROM json_each(\'["1","{"]\')';
    const error = { code: 'SQL_ERROR', message: 'malformed JSON: SQLITE_ERROR' };
    expect(await query(sql)).toEqual({ status: 400, body: error });
    expect(await post('/v2/pipeline', { requests: [{ type: 'execute', stmt: { sql } }] })).toMatchObject({
      body: { results: [{ type: 'error', error: { ...error, code: 'SQLITE_ERROR' } }] },
    });
    expect(
      await post('/query', { sql: 'SELECT json(value) FROM json_each(?)', params: ['["1","{secret"]'] }),
    ).toEqual({ status: 400, body: error });
  }));

test('routes are found behind any prefix, or behind the one that is given', async () => {
  const status = async (client: Served, path: string) =>
    (await client.post(path, { sql: 'SELECT 1' })).status;
  await served(async (client) => {
    for (const path of ['/query', '/databases/a/query', '/query/', '/query/query'])
      expect([path, await status(client, path)]).toEqual([path, 200]);
    for (const path of ['/', '/queries', '/a-query', '/query/other'])
      expect([path, await status(client, path)]).toEqual([path, 404]);
    const { handler } = client;
    const wrong = await handler.fetch(new Request('https://object.example/query'));
    expect(wrong.status).toBe(405);
    expect(await wrong.json()).toEqual({ code: 'NOT_FOUND', message: 'This route takes POST.' });
  });
  await served(
    async (client) => {
      expect(await status(client, '/databases/a/query')).toBe(200);
      for (const path of ['/query', '/databases/ab/query', '/databases/a/b/query'])
        expect([path, await status(client, path)]).toEqual([path, 404]);
    },
    { prefix: '/databases/a' },
  );
});
