import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { expect, test, vi } from 'vitest';
import { createHandler, type Grant, type HandlerOptions, issueToken } from '../../../src/server/index.ts';
import { type Served, served } from './served.ts';

const SECRET = 'a secret of the tests, with more than 32 bytes';
const OTHER = 'another secret, with more than 32 bytes as well';
const SCHEMA = [
  'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)',
  "INSERT INTO items (name) VALUES ('a'), ('b'), ('c')",
  'CREATE TABLE wages (id INTEGER PRIMARY KEY, amount INTEGER)',
  'CREATE TABLE codes (id INTEGER PRIMARY KEY)',
  'CREATE VIEW rich AS SELECT * FROM wages',
];

const asking = (token: string) => ({ authorization: `Bearer ${token}` });
const withTokens = <T>(work: (s: Served) => Promise<T>, options: Partial<HandlerOptions> = {}) =>
  served(work, { auth: { secret: SECRET }, ...options }, { schema: SCHEMA });

test('a handler without auth is not made, and one for nobody says so once', () =>
  served(async ({ db }) => {
    expect(() => createHandler(db, {} as HandlerOptions)).toThrow(
      expect.objectContaining({ code: 'AUTH_REQUIRED' }),
    );
    expect(() => createHandler(db, undefined as unknown as HandlerOptions)).toThrow(
      expect.objectContaining({ code: 'AUTH_REQUIRED' }),
    );
    expect(() => createHandler(db, { auth: { secret: 'short' } })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { fetch } = createHandler(db, { auth: 'none' });
    const body = JSON.stringify({ sql: 'SELECT 1' });
    await fetch(new Request('https://a.example/query', { method: 'POST', body }));
    expect((await fetch(new Request('https://a.example/query', { method: 'POST', body }))).status).toBe(200);
    expect(warn.mock.calls).toEqual([[expect.stringContaining("auth: 'none'")]]);
    warn.mockRestore();
  }));

test('no token is issued that no server would take', async () => {
  for (const options of [
    { access: 'read' },
    { database: [], access: 'read' },
    { database: 'a', access: 'rw' },
  ])
    await expect(issueToken(SECRET, options as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('every bad token is answered alike, and none is repeated', () =>
  withTokens(async ({ post }) => {
    const good = { database: 'served', access: 'write' } as const;
    const claims = (payload: object, secret = SECRET) =>
      new SignJWT({ access: 'write', ...payload })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(secret));
    const later = Math.floor(Date.now() / 1000) + 60;
    const [head, , mac] = (await issueToken(SECRET, good)).split('.');
    const none = btoa(JSON.stringify({ alg: 'none' })).replaceAll('=', '');
    const bad = {
      missing: '',
      nonsense: 'nonsense',
      'of another secret': await issueToken(OTHER, good),
      'for another database': await issueToken(SECRET, { ...good, database: 'other' }),
      expired: await issueToken(SECRET, { ...good, expiresIn: -1 }),
      'without an end': await claims({ aud: 'served' }),
      'without an audience': await claims({ exp: later }),
      'without an access': await claims({ aud: 'served', exp: later, access: undefined }),
      'with an access of its own': await claims({ aud: 'served', exp: later, access: 'admin' }),
      'with tables that are none': await claims({ aud: 'served', exp: later, tables: 'items' }),
      'with another payload': `${head}.${btoa(JSON.stringify({ aud: 'served', exp: later, access: 'write' })).replaceAll('=', '')}.${mac}`,
      'without a signature': `${none}.${btoa(JSON.stringify({ aud: 'served', exp: later, access: 'write' })).replaceAll('=', '')}.`,
    };
    for (const [what, token] of Object.entries(bad)) {
      const answer = await post('/query', { sql: 'SELECT 1' }, token ? asking(token) : {});
      expect(answer, what).toEqual({
        status: 401,
        body: { code: 'UNAUTHENTICATED', message: 'A valid token for this database is needed.' },
      });
    }
  }));

test('keys of every kind verify tokens, and only their own', async () => {
  for (const alg of ['EdDSA', 'ES256', 'RS256'] as const) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const token = await issueToken(privateKey, { database: 'served', access: 'read', algorithm: alg });
    const jwk = { ...(await exportJWK(publicKey)), alg, kid: 'one' };
    const pem = await exportSPKI(publicKey);
    const fake = await issueToken(new TextEncoder().encode(pem), { database: 'served', access: 'read' });
    for (const auth of [
      { publicKey: jwk },
      { publicKey: pem, algorithm: alg },
      { publicKey, algorithm: alg },
      { jwks: { keys: [jwk] } },
    ])
      await withTokens(
        async ({ post }) => {
          expect((await post('/query', { sql: 'SELECT 1' }, asking(token))).status).toBe(200);
          // The public key is no secret: a token that is "signed" with it is forged.
          expect((await post('/query', { sql: 'SELECT 1' }, asking(fake))).status).toBe(401);
          const own = await issueToken(SECRET, { database: 'served', access: 'read' });
          expect((await post('/query', { sql: 'SELECT 1' }, asking(own))).status).toBe(401);
        },
        { auth },
      );
  }
});

/** What each action is, and whose it is: reader, writer, reader of items, writer of items. */
const ACTIONS: readonly [
  what: string,
  sql: string,
  allowed: readonly [boolean, boolean, boolean, boolean],
][] = [
  ['read a table', 'SELECT * FROM items', [true, true, true, true]],
  ['compute', 'SELECT 1 + 1', [true, true, true, true]],
  ['read JSON', "SELECT value FROM json_each('[1]')", [true, true, true, true]],
  ['read another table', 'SELECT * FROM wages', [true, true, false, false]],
  [
    'read it in a sub-select',
    'SELECT (SELECT max(amount) FROM wages) FROM items',
    [true, true, false, false],
  ],
  ['read it by its string', "SELECT * FROM 'wages'", [true, true, false, false]],
  ['read it through a view', 'SELECT * FROM rich', [true, true, false, false]],
  [
    'read it as a common table',
    'WITH w AS (SELECT * FROM wages) SELECT * FROM w',
    [true, true, false, false],
  ],
  ['read it with IN', 'SELECT * FROM items WHERE id IN codes', [true, true, false, false]],
  ['list the schema', 'SELECT name FROM sqlite_master', [true, true, false, false]],
  ['list columns', "SELECT * FROM pragma_table_info('items')", [true, true, false, false]],
  ['write a table', "UPDATE items SET name = 'x' WHERE id = 1", [false, true, false, true]],
  ['write another table', 'DELETE FROM wages', [false, true, false, false]],
  [
    'write from another table',
    'INSERT INTO items (id) SELECT id + 9 FROM wages',
    [false, true, false, false],
  ],
  ['create a table', 'CREATE TABLE t (a)', [false, true, false, false]],
  ['add an index', 'CREATE INDEX i ON items (name)', [false, true, false, false]],
  ['drop a table', 'DROP TABLE t', [false, true, false, false]],
];

test.each(ACTIONS)('who may %s', (_what, sql, allowed) =>
  withTokens(async ({ post, db }) => {
    await db.run('CREATE TABLE IF NOT EXISTS t (a)');
    if (sql.startsWith('CREATE TABLE')) await db.run('DROP TABLE t');
    const rights = [
      { access: 'read' },
      { access: 'write' },
      { access: 'read', tables: ['Items'] },
      { access: 'write', tables: ['items'] },
    ] as const;
    for (const [i, right] of rights.entries()) {
      const token = await issueToken(SECRET, { database: 'served', ...right });
      const one = await post('/query', { sql }, asking(token));
      expect([JSON.stringify(right), one.status]).toEqual([JSON.stringify(right), allowed[i] ? 200 : 403]);
      if (!allowed[i]) {
        const requests = [{ type: 'execute', stmt: { sql } }];
        const { body } = await post<{ results: { type: string; error: { code: string } }[] }>(
          '/v2/pipeline',
          { requests },
          asking(token),
        );
        expect(body.results[0]!.error.code).toMatch(/^SQLITE_(AUTH|READONLY)$/);
      }
    }
  }),
);

test('a token caps rows, and the handler as a whole can be read-only', async () => {
  await withTokens(async ({ post }) => {
    const two = asking(await issueToken(SECRET, { database: 'served', access: 'read', rows: 2 }));
    expect((await post('/query', { sql: 'SELECT * FROM items LIMIT 2' }, two)).status).toBe(200);
    expect(await post('/query', { sql: 'SELECT * FROM items' }, two)).toMatchObject({
      status: 413,
      body: { code: 'LIMIT_EXCEEDED', limit: { name: 'rows', value: 2, actual: 3 } },
    });
  });
  await withTokens(
    async ({ post }) => {
      const writer = asking(await issueToken(SECRET, { database: ['other', 'served'], access: 'write' }));
      expect((await post('/query', { sql: 'SELECT * FROM items' }, writer)).status).toBe(200);
      expect(await post('/query', { sql: 'DELETE FROM items' }, writer)).toMatchObject({
        status: 403,
        body: { code: 'READ_ONLY' },
      });
      expect((await post('/import?table=items&format=ndjson&id=1', '', writer)).status).toBe(403);
    },
    { readOnly: true },
  );
});

test('a function decides who may do what, and what it throws is not shown', async () => {
  const grants: Record<string, Grant> = {
    reader: { read: true, write: false },
    late: { read: true, write: true, expires: Date.now() - 1 },
  };
  const auth: HandlerOptions['auth'] = async ({ headers }) => {
    const key = headers.get('x-key');
    if (key === 'broken') throw new Error('the database of keys is at 10.0.0.1');
    return grants[key ?? ''] ?? null;
  };
  await withTokens(
    async ({ post }) => {
      expect((await post('/query', { sql: 'SELECT 1' })).status).toBe(401);
      expect((await post('/query', { sql: 'SELECT 1' }, { 'x-key': 'reader' })).status).toBe(200);
      expect((await post('/query', { sql: 'SELECT 1' }, { 'x-key': 'late' })).status).toBe(401);
      expect((await post('/query', { sql: 'DELETE FROM items' }, { 'x-key': 'reader' })).status).toBe(403);
      expect(await post('/query', { sql: 'SELECT 1' }, { 'x-key': 'broken' })).toEqual({
        status: 500,
        body: { code: 'INTERNAL_ERROR', message: 'The server failed.' },
      });
    },
    { auth },
  );
});
