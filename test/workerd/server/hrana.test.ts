import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { expect, test, vi } from 'vitest';
import { DB } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { type ChangeLogApi, changeLog } from '../../../src/wal/index.ts';
import { freshStub } from '../object.ts';
import { type Served, served } from './served.ts';

const ITEMS = ['CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL)'];

interface Reply {
  baton: string | null;
  base_url: null;
  results: {
    type: 'ok' | 'error';
    response: { type: string; result: Result; is_autocommit: boolean };
    error: { code: string; message: string };
  }[];
}
interface Result {
  cols: { name: string }[];
  rows: { type: string; value: unknown; base64: string }[][];
  affected_row_count: number;
  last_insert_rowid: string | null;
  step_results: (Result | null)[];
  step_errors: ({ code: string } | null)[];
  params: { name: string | null }[];
  is_readonly: boolean;
  is_explain: boolean;
}

const execute = (sql: string, args: unknown[] = []) => ({ type: 'execute', stmt: { sql, args } });
const close = { type: 'close' };
const pipeline = async (
  { post }: Served,
  requests: object[],
  baton: string | null = null,
): Promise<Reply> => {
  const { status, body } = await post<Reply>('/v3/pipeline', { baton, requests });
  expect(status).toBe(200);
  return body;
};

test('values keep their type: 5 is an integer, 5.0 a float, 2^53+1 exact', () =>
  served(
    async (client) => {
      const args = [
        { type: 'integer', value: '9007199254740993' },
        { type: 'float', value: 5 },
        { type: 'text', value: 'a' },
        { type: 'blob', base64: 'AAH/' },
        { type: 'null' },
      ];
      const { results } = await pipeline(client, [
        execute('SELECT ?, ?, ?, ?, ?, 5, 5.0, -1, 1.5, 9223372036854775807', args),
        execute("INSERT INTO items (id, name, price) VALUES (7, 'a', 5) RETURNING id, name, price"),
        execute('SELECT -0.0, 9e999, -9e999'),
        close,
      ]);
      expect(results[0]!.response.result.rows).toEqual([
        [
          ...args,
          { type: 'integer', value: '5' },
          { type: 'float', value: 5 },
          { type: 'integer', value: '-1' },
          { type: 'float', value: 1.5 },
          { type: 'integer', value: '9223372036854775807' },
        ],
      ]);
      expect(results[1]!.response.result).toMatchObject({
        rows: [
          [
            { type: 'integer', value: '7' },
            { type: 'text', value: 'a' },
            { type: 'float', value: 5 },
          ],
        ],
        affected_row_count: 1,
        last_insert_rowid: '7',
      });
      const numbers = results[2]!.response.result.rows[0]!.map(({ value }) => value);
      expect([Object.is(numbers[0], -0), ...numbers.slice(1)]).toEqual([true, Infinity, -Infinity]);
    },
    {},
    { schema: ITEMS },
  ));

test('a batch runs the steps whose conditions hold', () =>
  served(
    async (client) => {
      const step = (sql: string, condition?: object) => ({ stmt: { sql }, ...(condition && { condition }) });
      const steps = [
        step('SELECT 1'),
        step('SELECT nothing'),
        step('SELECT 2', { type: 'ok', step: 0 }),
        step('SELECT 3', { type: 'ok', step: 1 }),
        step('SELECT 4', { type: 'error', step: 1 }),
        step('SELECT 5', { type: 'not', cond: { type: 'error', step: 0 } }),
        step('SELECT 6', {
          type: 'and',
          conds: [
            { type: 'ok', step: 0 },
            { type: 'ok', step: 3 },
          ],
        }),
        step('SELECT 7', {
          type: 'or',
          conds: [
            { type: 'ok', step: 3 },
            { type: 'ok', step: 0 },
          ],
        }),
        step('BEGIN', { type: 'is_autocommit' }),
        step('SELECT 8', { type: 'is_autocommit' }),
        step('SELECT 9', { type: 'not', cond: { type: 'is_autocommit' } }),
        step('COMMIT'),
        step('SELECT 10', { type: 'is_autocommit' }),
        step('SELECT 11', { type: 'unknown' }),
      ];
      const { results } = await pipeline(client, [{ type: 'batch', batch: { steps } }, close]);
      const { step_results, step_errors } = results[0]!.response.result;
      expect(step_results.map((result) => result !== null)).toEqual(
        [1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0].map(Boolean),
      );
      expect(step_errors.flatMap((error, i) => (error ? [i] : []))).toEqual([1, 13]);
    },
    {},
    { schema: ITEMS },
  ));

test('stored texts, sequences, descriptions and the state of the transaction', () =>
  served(
    async (client) => {
      const first = await pipeline(client, [
        { type: 'store_sql', sql_id: 1, sql: 'SELECT :name AS who, ? AS n' },
        { type: 'describe', sql_id: 1 },
        { type: 'describe', sql: 'DELETE FROM items WHERE id = ?1' },
        { type: 'describe', sql: 'EXPLAIN SELECT 1' },
        { type: 'get_autocommit' },
        {
          type: 'sequence',
          sql: "INSERT INTO items (name) VALUES ('a;b'); -- one\n INSERT INTO items (name) VALUES ('c');",
        },
        execute('BEGIN'),
        { type: 'get_autocommit' },
      ]);
      expect(first.results.map(({ type }) => type)).toEqual(Array(8).fill('ok'));
      expect(first.results[1]!.response.result).toEqual({
        params: [{ name: ':name' }, { name: null }],
        cols: [
          { name: 'who', decltype: null },
          { name: 'n', decltype: null },
        ],
        is_explain: false,
        is_readonly: true,
      });
      expect(first.results[2]!.response.result).toMatchObject({
        params: [{ name: null }],
        cols: [],
        is_readonly: false,
      });
      expect(first.results[3]!.response.result.is_explain).toBe(true);
      expect([4, 7].map((i) => first.results[i]!.response.is_autocommit)).toEqual([true, false]);
      const second = await pipeline(
        client,
        [
          {
            type: 'execute',
            stmt: {
              sql_id: 1,
              named_args: [{ name: 'name', value: { type: 'text', value: 'x' } }],
              args: [{ type: 'null' }, { type: 'float', value: 1.5 }],
            },
          },
          { type: 'close_sql', sql_id: 1 },
          { type: 'execute', stmt: { sql_id: 1 } },
          execute('ROLLBACK'),
          { type: 'get_autocommit' },
          { type: 'unheard_of' },
          close,
        ],
        first.baton,
      );
      expect(second.results.map(({ type }) => type)).toEqual([
        'ok',
        'ok',
        'error',
        'ok',
        'ok',
        'error',
        'ok',
      ]);
      expect(second.results[0]!.response.result.rows).toEqual([
        [
          { type: 'text', value: 'x' },
          { type: 'float', value: 1.5 },
        ],
      ]);
      expect(second.baton).toBeNull();
      expect((await client.db.query('SELECT name FROM items')).rows).toEqual([
        { name: 'a;b' },
        { name: 'c' },
      ]);
    },
    {},
    { schema: ITEMS },
  ));

test('a cursor sends a batch line by line', () =>
  served(
    async ({ handler }) => {
      const steps = [
        { stmt: { sql: "INSERT INTO items (name) VALUES ('a')" } },
        { stmt: { sql: 'SELECT nothing' } },
        { stmt: { sql: 'SELECT name FROM items' } },
      ];
      const response = await handler.fetch(
        new Request('https://object.example/v3/cursor', {
          method: 'POST',
          body: JSON.stringify({ batch: { steps } }),
        }),
      );
      const lines = new TextDecoder()
        .decode(await response.arrayBuffer())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines).toMatchObject([
        { baton: 'new', base_url: null },
        { type: 'step_begin', step: 0, cols: [] },
        { type: 'step_end', affected_row_count: 1, last_insert_rowid: '1' },
        { type: 'step_error', step: 1, error: { code: 'SQLITE_ERROR' } },
        { type: 'step_begin', step: 2, cols: [{ name: 'name' }] },
        { type: 'row', row: [{ type: 'text', value: 'a' }] },
        { type: 'step_end', affected_row_count: 0 },
      ]);
    },
    {},
    { schema: ITEMS },
  ));

test('the protocols are announced without a token; the one in Protobuf is not spoken', () =>
  served(
    async ({ handler }) => {
      const status = async (path: string) =>
        (await handler.fetch(new Request(`https://object.example${path}`))).status;
      expect([await status('/v2'), await status('/a/v3'), await status('/v3-protobuf')]).toEqual([
        200, 200, 404,
      ]);
    },
    { auth: () => null },
  ));

test('a baton is good once, for its owner, and for ten seconds', () =>
  served(
    async (client) => {
      const insert = execute("INSERT INTO items (name) VALUES ('a')");
      const { baton } = await pipeline(client, [execute('BEGIN'), insert]);
      const later = await pipeline(client, [execute('SELECT count(*) FROM items')], baton);
      expect(later.results[0]!.response.result.rows).toEqual([[{ type: 'integer', value: '1' }]]);
      const again = await client.post('/v2/pipeline', { baton, requests: [execute('COMMIT')] });
      expect(again).toMatchObject({ status: 410, body: { code: 'STREAM_EXPIRED' } });
      const now = Date.now();
      const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 10_100);
      const expired = await client.post('/v2/pipeline', {
        baton: later.baton,
        requests: [execute('COMMIT')],
      });
      clock.mockRestore();
      expect(expired).toMatchObject({ status: 410, body: { code: 'STREAM_EXPIRED' } });
      expect((await client.db.query('SELECT * FROM items')).rows).toEqual([]);
      // A stranger cannot go on with it.
      const { baton: own } = await pipeline(client, [execute('BEGIN'), insert]);
      const other = createHandler(client.db, { auth: () => ({ read: true, write: false }) });
      const stolen = await other.fetch(
        new Request('https://object.example/v2/pipeline', {
          method: 'POST',
          body: JSON.stringify({ baton: own, requests: [execute('COMMIT')] }),
        }),
      );
      expect(stolen.status).toBe(410);
    },
    {},
    { schema: ITEMS },
  ));

test('streams that nobody goes on with do not fill the memory: the oldest is forgotten', () =>
  served(
    async (client) => {
      const large = { type: 'text', value: 'x'.repeat(900_000) };
      const begin = () => pipeline(client, [execute('BEGIN'), execute('SELECT length(?)', [large])]);
      const batons: (string | null)[] = [];
      for (let i = 0; i < 20; i++) batons.push((await begin()).baton);
      const status = async (baton: string | null | undefined) =>
        (await client.post('/v2/pipeline', { baton, requests: [execute('COMMIT'), close] })).status;
      expect([await status(batons.at(-1)), await status(batons[0])]).toEqual([200, 410]);
    },
    {},
    { schema: ITEMS },
  ));

test('a transaction that was open when the object was evicted is gone, and says so', async () => {
  const stub = freshStub();
  const ask = (baton: string | null, requests: object[]) =>
    runInDurableObject(stub, async (_, ctx) => {
      const db = await DB('t', { storage: ctx.storage });
      await db.run('CREATE TABLE IF NOT EXISTS items (name TEXT)');
      const { fetch } = createHandler(db, { auth: () => ({ read: true, write: true }) });
      const response = await fetch(
        new Request('https://object.example/v2/pipeline', {
          method: 'POST',
          body: JSON.stringify({ baton, requests }),
        }),
      );
      const rows = (await db.query('SELECT * FROM items')).rows.length;
      return { status: response.status, body: (await response.json()) as Reply, rows };
    });
  const { body } = await ask(null, [execute('BEGIN'), execute("INSERT INTO items VALUES ('a')")]);
  await evictDurableObject(stub);
  expect(await ask(body.baton, [execute('COMMIT')])).toMatchObject({
    status: 410,
    body: { code: 'STREAM_EXPIRED' },
    rows: 0,
  });
});

test('what a transaction read is read again before it commits: phantoms and other values are SQLITE_BUSY', () =>
  served(
    async (client) => {
      const { db } = client;
      await db.run("INSERT INTO items (id, name) VALUES (1, 'a')");
      const attempt = async (read: string, between: string) => {
        const { baton } = await pipeline(client, [
          execute('BEGIN'),
          execute(read),
          execute('DELETE FROM items WHERE id = 99'),
        ]);
        await db.run(between);
        const { results } = await pipeline(client, [execute('COMMIT'), close], baton);
        return results[0]!.type === 'ok' ? 'ok' : results[0]!.error.code;
      };
      expect(
        await attempt('SELECT count(*) FROM items', "INSERT INTO items (id, name) VALUES (2, 'b')"),
      ).toBe('SQLITE_BUSY');
      expect(
        await attempt('SELECT name FROM items WHERE id = 1', "UPDATE items SET name = 'c' WHERE id = 1"),
      ).toBe('SQLITE_BUSY');
      expect(await attempt('SELECT * FROM items', 'ALTER TABLE items ADD COLUMN extra')).toBe('SQLITE_BUSY');
      const chance = 'SELECT random() % 1000000000000';
      expect(await attempt(chance, "INSERT INTO items (name) VALUES ('d')")).toBe('SQLITE_BUSY');
      expect(
        await attempt('SELECT name FROM items WHERE id = 1', "UPDATE items SET name = 'e' WHERE id = 2"),
      ).toBe('ok');
    },
    {},
    { schema: ITEMS },
  ));

test('a deferred foreign key that is violated at COMMIT is an error, and nothing is kept', () =>
  served(
    async (client) => {
      const requests = [
        execute('BEGIN'),
        execute('INSERT INTO parts (item) VALUES (9)'),
        execute('COMMIT'),
        execute('SELECT count(*) FROM parts'),
        close,
      ];
      const { results } = await pipeline(client, requests);
      expect(results[2]!.error.code).toBe('SQLITE_CONSTRAINT');
      expect(results[3]!.response.result.rows).toEqual([[{ type: 'integer', value: '0' }]]);
    },
    {},
    {
      schema: [
        ...ITEMS,
        'CREATE TABLE parts (item INTEGER REFERENCES items(id) DEFERRABLE INITIALLY DEFERRED)',
      ],
    },
  ));

test('dropping a table that others refer to never deletes their rows', () =>
  served(
    async (client) => {
      const { db } = client;
      await db.run("INSERT INTO items (id, name) VALUES (1, 'a')");
      await db.run('INSERT INTO parts (item) VALUES (1)');
      const parts = async () => (await db.query('SELECT * FROM parts')).rows.length;
      // As clients do that send one request per statement, and think that foreign keys are off.
      await pipeline(client, [execute('PRAGMA foreign_keys=OFF'), close]);
      const alone = await pipeline(client, [execute('DROP TABLE items'), close]);
      expect(alone.results[0]!.error).toMatchObject({ code: 'SQLITE_CONSTRAINT' });
      const { baton } = await pipeline(client, [execute('BEGIN')]);
      const inside = await pipeline(client, [execute('SELECT 1')], baton);
      const refused = await client.post('/v2/pipeline', {
        baton: inside.baton,
        requests: [execute('DROP TABLE items')],
      });
      expect(refused).toMatchObject({ status: 400, body: { code: 'UNSUPPORTED_STATEMENT' } });
      expect(await parts()).toBe(1);
      const both = await pipeline(client, [execute('DROP TABLE parts'), execute('DROP TABLE items'), close]);
      expect(both.results.map(({ type }) => type)).toEqual(['ok', 'ok', 'ok']);
      expect((await db.query('PRAGMA foreign_keys')).rows).toEqual([{ foreign_keys: 1 }]);
    },
    {},
    { schema: [...ITEMS, 'CREATE TABLE parts (item INTEGER REFERENCES items(id) ON DELETE CASCADE)'] },
  ));

test('requests that make no sense are errors of their own', () =>
  served(async ({ post }) => {
    expect(await post('/v2/pipeline', {})).toMatchObject({ status: 400, body: { code: 'INVALID_ARGUMENT' } });
    expect((await post('/v2/pipeline', { requests: Array(1000).fill(close) })).status).toBe(200);
    expect((await post('/v2/pipeline', { requests: Array(1001).fill(close) })).status).toBe(413);
    const many = (n: number) => ({
      requests: [{ type: 'batch', batch: { steps: Array(n).fill({ stmt: { sql: 'SELECT 1' } }) } }],
    });
    expect((await post('/v2/pipeline', many(105))).status).toBe(200);
    expect((await post('/v2/pipeline', many(106))).status).toBe(413);
    expect((await post('/v3/cursor', many(106).requests[0])).status).toBe(413);
    const long = await post<Reply>('/v2/pipeline', {
      requests: [{ type: 'sequence', sql: 'SELECT 1;'.repeat(101) }],
    });
    expect(long.body.results[0]!.error.code).toBe('LIMIT_EXCEEDED');
    const { body } = await post<Reply>('/v2/pipeline', {
      requests: [
        { type: 'execute' },
        { type: 'execute', stmt: { sql: 5 } },
        execute('SELECT ?', [{ type: 'text', value: 5 }]),
        execute('COMMIT'),
        execute('BEGIN; SELECT 1'),
        execute('RELEASE nothing'),
      ],
    });
    expect(body.results.map(({ error }) => error?.code)).toEqual([
      'INVALID_ARGUMENT',
      'INVALID_ARGUMENT',
      'INVALID_PARAMETER',
      'SQLITE_ERROR',
      'MULTIPLE_STATEMENTS',
      'SQLITE_ERROR',
    ]);
  }));

test('comments may stand before BEGIN, and an insert elsewhere is no conflict with an update', () =>
  served(
    async (client) => {
      const begun = await pipeline(client, [
        execute('/* a */ -- b\n BEGIN'),
        execute("UPDATE items SET price = 2 WHERE name = 'a'"),
        execute('DELETE FROM items WHERE id = 99'),
      ]);
      expect(begun.results.map(({ type }) => type)).toEqual(['ok', 'ok', 'ok']);
      expect(begun.results[1]!.response.result).toMatchObject({
        affected_row_count: 1,
        last_insert_rowid: null,
      });
      await client.query("INSERT INTO items (id, name) VALUES (50, 'other')");
      const ended = await pipeline(client, [execute('COMMIT -- done'), close], begun.baton);
      expect(ended.results.map(({ type }) => type)).toEqual(['ok', 'ok']);
      expect((await client.query('SELECT price FROM items ORDER BY id')).body).toMatchObject({
        rows: [[2], [null]],
      });
    },
    {},
    { schema: [...ITEMS, "INSERT INTO items VALUES (1, 'a', 1)"] },
  ));

test('inserts that give no rowid of their own can be repeated: upserts, WITHOUT ROWID, what is ignored', () =>
  served(
    async (client) => {
      const statements = [
        "INSERT INTO items (id, name) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        "INSERT INTO pairs VALUES ('a', 1)",
        "INSERT OR IGNORE INTO items (id, name) VALUES (1, 'x')",
        "INSERT INTO items (name) VALUES ('new')",
        "INSERT INTO items (id, name) VALUES (1, 'd') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
      ];
      let { baton } = await pipeline(client, [execute('BEGIN')]);
      const rowids: unknown[] = [];
      for (const sql of statements) {
        // Somebody's insert moves the connection's last rowid.
        await client.query('INSERT INTO elsewhere DEFAULT VALUES');
        const answer = await pipeline(client, [execute(sql)], baton);
        expect(answer.results).toMatchObject([{ type: 'ok' }]);
        rowids.push(answer.results[0]!.response.result.last_insert_rowid);
        baton = answer.baton;
      }
      expect(rowids.slice(1, 4)).toEqual([null, null, '3']);
      expect((await pipeline(client, [execute('COMMIT')], baton)).results).toMatchObject([{ type: 'ok' }]);
      expect((await client.query('SELECT id, name FROM items ORDER BY id')).body).toMatchObject({
        rows: [
          [1, 'd'],
          [2, 'b'],
          [3, 'new'],
        ],
      });
    },
    {},
    {
      schema: [
        ...ITEMS,
        "INSERT INTO items (id, name) VALUES (1, 'a'), (2, 'b')",
        'CREATE TABLE pairs (k TEXT PRIMARY KEY, v) WITHOUT ROWID',
        'CREATE TABLE elsewhere (id INTEGER PRIMARY KEY)',
      ],
    },
  ));

test('a rebuilt table has its triggers back behind those of the change log', () =>
  served(
    async (client) => {
      const { log } = client.db as unknown as ChangeLogApi;
      const { lsn } = log.head();
      const steps = [
        'PRAGMA foreign_keys=OFF',
        'BEGIN',
        'CREATE TABLE __new_items (id INTEGER PRIMARY KEY, name TEXT, price REAL)',
        'INSERT INTO __new_items SELECT * FROM items',
        'DROP TABLE items',
        'ALTER TABLE __new_items RENAME TO items',
        'COMMIT',
      ].map((sql) => ({ stmt: { sql } }));
      const { results } = await pipeline(client, [{ type: 'batch', batch: { steps } }, close]);
      expect(results[0]!.response.result.step_errors).toEqual(steps.map(() => null));
      await client.query("INSERT INTO items (name) VALUES ('a')");
      const { events } = await log.read({ after: lsn });
      expect(
        events.filter(({ op }) => op !== 'schema').map(({ op, after }) => [op, after!['price']]),
      ).toEqual([
        ['insert', null],
        ['update', 1],
      ]);
    },
    {},
    {
      schema: [
        ...ITEMS,
        'CREATE TRIGGER items_first AFTER INSERT ON items BEGIN UPDATE items SET price = 1 WHERE id = NEW.id; END',
      ],
      extensions: [changeLog({ tables: '*' })],
    },
  ));
