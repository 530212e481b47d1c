import { expect, test, vi } from 'vitest';
import { changeLog } from '../../../src/wal/index.ts';
import { type Served, served } from './served.ts';

const ITEMS = ['CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE)'];
const NUMBERS = (n: number) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n}) SELECT i FROM n`;

type Ask = (client: Served) => Promise<{ status: number }>;
/** Each limit: what is just within it, and what is one too many. */
const SIDES: readonly [name: string, within: Ask, beyond: Ask][] = [
  [
    'bytes of body',
    ({ post }) => post('/query', JSON.stringify({ sql: 'SELECT 1' }).padEnd(500)),
    ({ post }) => post('/query', JSON.stringify({ sql: 'SELECT 1' }).padEnd(501)),
  ],
  ['rows', ({ query }) => query(NUMBERS(10)), ({ query }) => query(NUMBERS(11))],
  [
    'bytes',
    ({ query }) =>
      query("SELECT printf('%.90c', 'x') UNION ALL SELECT 1 UNION ALL SELECT substr('xy', 1, 2)"),
    ({ query }) =>
      query("SELECT printf('%.90c', 'x') UNION ALL SELECT 1 UNION ALL SELECT substr('xyz', 1, 3)"),
  ],
  [
    'parameters',
    ({ query }) => query('SELECT ?, ?, ?, ?', [1, 2, 3, 4]),
    ({ query }) => query('SELECT ?, ?, ?, ?, ?', [1, 2, 3, 4, 5]),
  ],
  [
    'statements',
    ({ post }) => post('/query', { statements: Array(3).fill('SELECT 1') }),
    ({ post }) => post('/query', { statements: Array(4).fill('SELECT 1') }),
  ],
];

test.each(SIDES)('the limit of %s has two sides', (name, inside, beyond) =>
  served(
    async (client) => {
      expect((await inside(client)).status).toBe(200);
      expect(await beyond(client)).toMatchObject({
        status: 413,
        body: { code: 'LIMIT_EXCEEDED', limit: { name } },
      });
    },
    { limits: { body: 500, rows: 10, bytes: 100, parameters: 4, statements: 3 } },
    { schema: ITEMS },
  ),
);

test('the limits are those of the guide when nothing is said', () =>
  served(async ({ post, query }) => {
    expect((await query(NUMBERS(10_000))).status).toBe(200);
    expect((await query(NUMBERS(10_001))).status).toBe(413);
    expect((await post('/query', JSON.stringify({ sql: 'SELECT 1' }).padEnd(1_048_576))).status).toBe(200);
    expect((await post('/query', JSON.stringify({ sql: 'SELECT 1' }).padEnd(1_048_577))).status).toBe(413);
    const megabyte = 'SELECT hex(zeroblob(524288)) FROM';
    expect((await query(`${megabyte} (VALUES (1),(2),(3),(4),(5),(6),(7),(8))`)).status).toBe(200);
    expect((await query(`${megabyte} (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9))`)).status).toBe(413);
  }));

test('rows of a write that are too many undo it', () =>
  served(
    async ({ query, db }) => {
      const insert = 'INSERT INTO items (name) SELECT value FROM json_each(?) RETURNING id';
      expect((await query(insert, [JSON.stringify([1, 2, 3])])).status).toBe(413);
      expect((await db.query('SELECT * FROM items')).rows).toEqual([]);
      expect((await query(insert, [JSON.stringify([1, 2])])).status).toBe(200);
    },
    { limits: { rows: 2 } },
    { schema: ITEMS },
  ));

test('an endless statement is ended by the budget of rows', () =>
  served(async ({ query, handler }) => {
    const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n';
    expect((await query(endless)).status).toBe(413);
    const response = await handler.fetch(
      new Request('https://object.example/query', {
        method: 'POST',
        headers: { accept: 'application/x-ndjson' },
        body: JSON.stringify({ sql: endless }),
      }),
    );
    const lines = new TextDecoder()
      .decode(await response.arrayBuffer())
      .trim()
      .split('\n');
    expect(lines.length).toBeLessThanOrEqual(10_002);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ error: { code: 'LIMIT_EXCEEDED' } });
  }));

test('a stream of rows ends in time, whatever its reader does', () =>
  served(async ({ handler, db }) => {
    await db.run('CREATE TABLE items (id INTEGER PRIMARY KEY)');
    await db.run(`INSERT INTO items ${NUMBERS(2_000)}`);
    const last = async (after: number) => {
      const response = await handler.fetch(
        new Request('https://object.example/query', {
          method: 'POST',
          headers: { accept: 'application/x-ndjson' },
          body: JSON.stringify({ sql: 'SELECT id FROM items' }),
        }),
      );
      const now = Date.now();
      const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + after);
      const lines = new TextDecoder()
        .decode(await response.arrayBuffer())
        .trim()
        .split('\n');
      clock.mockRestore();
      return JSON.parse(lines.at(-1)!);
    };
    expect(await last(29_000)).toMatchObject({ end: true });
    expect(await last(31_000)).toMatchObject({ error: { code: 'LIMIT_EXCEEDED' } });
    // Its cursor is closed.
    await db.run('DROP TABLE items');
  }));

test('a statement that is not on the list does not run; how it is written does not matter', () =>
  served(
    async ({ query, post }) => {
      expect((await query('select  name\nFROM Items -- x\nWHERE id=?;', [1])).status).toBe(200);
      expect(await query('SELECT name FROM items')).toMatchObject({
        status: 403,
        body: { code: 'NOT_AUTHORIZED' },
      });
      expect((await query("SELECT 'A'")).status).toBe(200);
      expect((await query("SELECT 'a'")).status).toBe(403);
      expect((await query('SELECT name FROM items WHERE id = 1 OR ?', [1])).status).toBe(403);
      expect((await post('/import?table=items&format=ndjson&id=1', '')).status).toBe(403);
      const requests = [{ type: 'sequence', sql: "SELECT 'A'; DELETE FROM items" }, { type: 'close' }];
      const { body } = await post<{ results: { error?: { code: string } }[] }>('/v2/pipeline', { requests });
      expect(body.results[0]!.error!.code).toBe('SQLITE_AUTH');
    },
    { allow: ['SELECT name FROM items WHERE id = ?', "SELECT 'A'"] },
    { schema: ITEMS },
  ));

test('pages of other origins get no answer, unless they are listed', async () => {
  const preflight = (origin: string) =>
    new Request('https://object.example/query', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const asked = (origin: string) =>
    new Request('https://object.example/query', {
      method: 'POST',
      headers: { origin },
      body: JSON.stringify({ sql: 'SELECT 1' }),
    });
  await served(async ({ handler }) => {
    expect((await handler.fetch(preflight('https://app.example'))).status).toBe(405);
    // Not even for its effect.
    expect((await handler.fetch(asked('https://app.example'))).status).toBe(403);
    expect((await handler.fetch(asked('https://object.example'))).status).toBe(200);
  });
  await served(
    async ({ handler }) => {
      const { status, headers } = await handler.fetch(preflight('https://app.example'));
      expect([status, headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example']);
      const answer = await handler.fetch(asked('https://app.example'));
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
      expect(answer.headers.get('vary')).toBe('Origin');
      expect((await handler.fetch(asked('https://evil.example'))).status).toBe(403);
      const upgrade = (origin: string) =>
        new Request('https://object.example/ws', { headers: { upgrade: 'websocket', origin } });
      expect((await handler.fetch(upgrade('https://evil.example'))).status).toBe(403);
      expect((await handler.fetch(upgrade('https://app.example'))).status).toBe(101);
      expect((await handler.fetch(upgrade('https://object.example'))).status).toBe(101);
    },
    { cors: { origins: ['https://app.example'] } },
  );
});

test('a setting changed inside the object does not leak into a request, nor out of one', () =>
  served(
    async ({ query, db, post }) => {
      await db.run('PRAGMA case_sensitive_like = ON');
      expect((await query("SELECT 'a' LIKE 'A' AS same")).body['rows']).toEqual([[1]]);
      await post('/v2/pipeline', {
        requests: [{ type: 'execute', stmt: { sql: 'PRAGMA foreign_keys = OFF' } }, { type: 'close' }],
      });
      expect((await db.query('PRAGMA foreign_keys')).rows).toEqual([{ foreign_keys: 1 }]);
    },
    {},
    { schema: ITEMS },
  ));

test('secrets and values are in no error, no log and no event of a statement', async () => {
  const SECRETS = ['s3cret-value', 'Bearer-t0ken', '987654321987654321'];
  const logged: string[] = [];
  for (const method of ['log', 'warn', 'error', 'info', 'debug'] as const)
    vi.spyOn(console, method).mockImplementation((...args) => void logged.push(args.map(String).join(' ')));
  await served(
    async ({ handler, db }) => {
      await db.run('CREATE VIRTUAL TABLE found USING fts5(text)');
      const said: string[] = [];
      for (const [sql, params] of [
        ['INSERT INTO items (name) VALUES (?), (?)', [SECRETS[0], SECRETS[0]]],
        ["SELECT json_extract('{}', ?)", [SECRETS[0]]],
        ['SELECT json(?)', [SECRETS[0]]],
        ['SELECT * FROM found WHERE found MATCH ?', [`"${SECRETS[0]}`]],
        ['SELECT * FROM found WHERE found MATCH ?', [`${SECRETS[0]}:`]],
        ['INSERT INTO found (found) VALUES (?)', [SECRETS[0]]],
        ['SELECT ?', [{ $int: `${SECRETS[2]}987654321` }]],
        ['SELECT ?', [{ $blob: `*${SECRETS[0]}` }]],
        ['SELECT ?', [{ [SECRETS[0]!]: 1 }]],
        ['SELECT :a', { [SECRETS[0]!]: 1 }],
        ['SELECT ?', [[SECRETS[0]]]],
        ['SELECT abs(?)', [{ $int: '-9223372036854775808' }]],
      ] as const) {
        for (const path of ['/query', '/v2/pipeline']) {
          const body =
            path === '/query'
              ? { sql, params }
              : {
                  requests: [
                    {
                      type: 'execute',
                      stmt: {
                        sql,
                        args: Array.isArray(params)
                          ? params.map((value) => ({ type: 'text', value: String(value) }))
                          : [],
                      },
                    },
                  ],
                };
          const response = await handler.fetch(
            new Request('https://object.example/query'.replace('/query', path), {
              method: 'POST',
              headers: { authorization: `Bearer ${SECRETS[1]}` },
              body: JSON.stringify(body),
            }),
          );
          said.push(await response.text());
        }
      }
      const wrong = await handler.fetch(
        new Request('https://object.example/query', { method: 'POST', body: `{"sql": "${SECRETS[0]}` }),
      );
      said.push(await wrong.text());
      expect(
        said.filter((text) => SECRETS.some((secret) => text.includes(secret)) && !text.includes('"rows"')),
      ).toEqual([]);
      expect(said.filter((text) => text.includes('"code"')).length).toBeGreaterThan(12);
      expect(logged.filter((text) => SECRETS.some((secret) => text.includes(secret)))).toEqual([]);
    },
    {},
    { schema: ITEMS, extensions: [changeLog({ tables: ['items'] })] },
  );
  vi.restoreAllMocks();
});
