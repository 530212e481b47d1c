import { env } from 'cloudflare:test';
import { beforeAll, expect, test } from 'vitest';
import { createTieredBackend } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { virtualTables } from '../../../src/virtual/index.ts';
import { inObject } from '../object.ts';

const SALES = `'r2://b/server/sales.json'`;

beforeAll(() =>
  env.BUCKET.put(
    'server/sales.json',
    JSON.stringify([
      { id: 1, amount: 5, price: 2.5 },
      { id: 2, amount: 7, price: 3 },
    ]),
  ),
);

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each compared as a whole.
type Post = (path: string, body?: object) => Promise<any>;

/** A server whose database has old rows in R2 and may read files there. */
function served<T>(work: (post: Post) => Promise<T>): Promise<T> {
  return inObject(async (storage) => {
    const db = await DB('outside', {
      storage: createTieredBackend({
        hot: storage,
        cold: env.BUCKET,
        tables: [{ table: 'events', by: 'at', hot: '1d' }],
      }),
      extensions: [virtualTables({ r2: { b: env.BUCKET } })],
    });
    await db.batch([
      'CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT, weight REAL)',
      ['INSERT INTO events VALUES (1, 1700000000000, ?, 2.0), (2, 1700000000001, ?, 1.5)', ['a', 'b']],
      ['INSERT INTO events VALUES (3, ?, ?, 4)', [Date.now(), 'c']],
    ]);
    const { extensions } = await db.maintenance();
    expect(extensions['tiers']).toMatchObject({ archived: { events: { rows: 2 } } });
    const handler = createHandler(db, { auth: () => ({ read: true, write: true }) });
    return work(async (path, body) => {
      const response = await handler.fetch(
        new Request(`https://x${path}`, body && { method: 'POST', body: JSON.stringify(body) }),
      );
      return response.headers.get('content-type') === 'application/json' ? response.json() : response.text();
    });
  });
}

const execute = (sql: string, args: unknown[] = []) => ({ type: 'execute', stmt: { sql, args } });
const ids = (result: { rows: { value: unknown }[][] }) => result.rows.map(([id]) => id!.value);

test('a query reads archived rows and files', () =>
  served(async (post) => {
    expect((await post('/query', { sql: 'SELECT id FROM events ORDER BY id' })).rows).toEqual([
      [1],
      [2],
      [3],
    ]);
    const { rows } = await post('/query', {
      sql: `SELECT s.id, e.kind FROM ${SALES} s JOIN events e ON e.id = s.id WHERE s.amount > ? ORDER BY 1`,
      params: [6],
    });
    expect(rows).toEqual([[2, 'b']]);
  }));

test('a batch writes what it reads outside, in one transaction, also when a statement moves the rows of a later one', () =>
  served(async (post) => {
    const { results, ...refused } = await post('/query', {
      statements: [
        'CREATE TABLE sales (id INTEGER PRIMARY KEY, amount INTEGER)',
        `INSERT INTO sales SELECT id, amount FROM ${SALES}`,
        ['UPDATE events SET kind = ? WHERE id = 1', ['changed']],
        'SELECT kind FROM events ORDER BY id',
        'SELECT sum(amount) FROM sales',
      ],
    });
    expect(refused).toEqual({});
    expect(results[2].changes).toBe(1);
    expect(results[3].rows).toEqual([['changed'], ['b'], ['c']]);
    expect(results[4].rows).toEqual([[12]]);
    const failed = await post('/query', {
      statements: [
        `INSERT INTO sales SELECT id + 10, amount FROM ${SALES}`,
        'INSERT INTO sales VALUES (1, 1)',
      ],
    });
    expect(failed.code).toBe('UNIQUE_VIOLATION');
    expect((await post('/query', { sql: 'SELECT count(*) FROM sales' })).rows).toEqual([[2]]);
  }));

test('Hrana: statements, batches, sequences and interactive transactions read outside, and keep types', () =>
  served(async (post) => {
    const first = await post('/v3/pipeline', {
      requests: [
        execute('SELECT id, weight FROM events ORDER BY id'),
        execute(`SELECT id FROM ${SALES} WHERE amount = ?`, [{ type: 'integer', value: '7' }]),
        {
          type: 'sequence',
          sql: `CREATE TABLE s2 AS SELECT * FROM ${SALES}; DELETE FROM events WHERE id = 2`,
        },
        { type: 'batch', batch: { steps: [{ stmt: { sql: 'SELECT id FROM events ORDER BY 1' } }] } },
        execute(`SELECT * FROM 'r2://b/none.json'`),
      ],
    });
    const { results } = first;
    expect(results[0].response.result.rows[0]).toEqual([
      { type: 'integer', value: '1' },
      { type: 'float', value: 2 },
    ]);
    expect(ids(results[1].response.result)).toEqual(['2']);
    expect(results[2].type).toBe('ok');
    expect(results[4].error.code).toBe('SOURCE_NOT_FOUND');
    // The batch was loaded before the sequence moved a row: it says so, and the next request sees it.
    expect(results[3].response.result.step_errors[0]).toMatchObject({ code: 'SQLITE_BUSY' });
    const again = await post('/v3/pipeline', { requests: [execute('SELECT id FROM events ORDER BY 1')] });
    expect(ids(again.results[0].response.result)).toEqual(['1', '3']);

    const begun = await post('/v3/pipeline', {
      requests: [execute('BEGIN'), execute('SELECT count(*) FROM events'), execute('DELETE FROM s2')],
    });
    expect(ids(begun.results[1].response.result)).toEqual(['2']);
    const ended = await post('/v3/pipeline', {
      baton: begun.baton,
      requests: [execute(`INSERT INTO s2 SELECT * FROM ${SALES}`), execute('COMMIT')],
    });
    expect(ended.results.map(({ type }: { type: string }) => type)).toEqual(['ok', 'ok']);
    const { results: counted } = await post('/v3/pipeline', {
      requests: [execute('SELECT count(*) FROM s2')],
    });
    expect(ids(counted[0].response.result)).toEqual(['2']);
  }));

test('an export never leaves archived rows out without a word', () =>
  served(async (post) => {
    for (const search of ['', '?table=events', '?format=csv&table=events', '?consistency=page'])
      expect(await post(`/export${search}`), search).toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        table: 'events',
        message: expect.stringContaining('tier=hot'),
      });
    const hot = await post('/export?format=csv&table=events&tier=hot');
    expect(hot.match(/^\d/gm)).toEqual(['3']);
    expect(await post('/export?tier=hot')).toMatch(/COMMIT;\n$/);
    expect(await post('/export?tier=cold')).toMatchObject({ code: 'INVALID_ARGUMENT' });
  }));
