import { createClient, type LibsqlError } from '@libsql/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tenants } from '../conformance/hrana/tenants.ts';

const CLIENTS = 200;
const SECONDS = 60;

let tenants: Tenants;
beforeAll(async () => {
  tenants = await Tenants.start();
});
afterAll(() => tenants.stop());

test('200 clients at once that leave whenever they like get no error that is not theirs, and leave nothing behind', async () => {
  const { url, token } = await tenants.create();
  const admin = createClient({ url, authToken: token });
  await admin.executeMultiple(
    'CREATE TABLE items (id INTEGER PRIMARY KEY, client INTEGER, body TEXT); CREATE TABLE counters (client INTEGER PRIMARY KEY, n INTEGER NOT NULL)',
  );
  await admin.execute({
    sql: 'INSERT INTO counters SELECT value, 0 FROM json_each(?)',
    args: [JSON.stringify(Array.from({ length: CLIENTS }, (_, i) => i))],
  });
  await admin.execute({
    sql: 'INSERT INTO items (client, body) SELECT -1, hex(zeroblob(100)) FROM json_each(?)',
    args: [JSON.stringify(Array.from({ length: 3000 }, (_, i) => i))],
  });
  const end = Date.now() + SECONDS * 1000;
  const counts = { done: 0, left: 0, conflicts: 0 };
  const unexpected: string[] = [];
  const memories: number[] = [];

  const client = async (number: number): Promise<{ inserted: number; counted: number }> => {
    const headers = { authorization: `Bearer ${token}` };
    const libsql = createClient({ url, authToken: token });
    let [inserted, counted] = [0, 0];
    const post = async (path: string, body: object, accept = 'application/json'): Promise<Response> => {
      const leave = new AbortController();
      const leaving = Math.random() < 0.3 ? setTimeout(() => leave.abort(), Math.random() * 50) : undefined;
      try {
        const response = await fetch(`${url}${path}`, {
          method: 'POST',
          headers: { ...headers, accept },
          body: JSON.stringify(body),
          signal: leave.signal,
        });
        if (!response.ok) unexpected.push(`${path} ${response.status} ${await response.clone().text()}`);
        await response.clone().text();
        return response;
      } finally {
        clearTimeout(leaving);
      }
    };
    const actions = [
      () =>
        post('query', {
          sql: 'SELECT * FROM items WHERE id > ? ORDER BY id LIMIT 50',
          params: [Math.random() * 3000],
        }),
      () => post('query', { sql: 'SELECT * FROM items LIMIT 3000' }, 'application/x-ndjson'),
      () =>
        post('v2/pipeline', {
          requests: [
            { type: 'execute', stmt: { sql: 'BEGIN' } },
            { type: 'execute', stmt: { sql: 'DELETE FROM items' } },
          ],
        }),
      async () => {
        await libsql.execute({ sql: 'INSERT INTO items (client, body) VALUES (?, ?)', args: [number, 'x'] });
        inserted++;
      },
      async () => {
        const tx = await libsql.transaction('write');
        try {
          const sql = 'SELECT n FROM counters WHERE client = ?';
          const n = (await tx.execute({ sql, args: [number] })).rows[0]!['n'] as number;
          await tx.execute({ sql: 'UPDATE counters SET n = ? WHERE client = ?', args: [n + 1, number] });
          if (Math.random() < 0.2) return tx.close();
          await tx.commit();
          counted++;
        } catch (error) {
          if ((error as LibsqlError).code !== 'SQLITE_BUSY') throw error;
          counts.conflicts++;
        } finally {
          tx.close();
        }
      },
    ];
    while (Date.now() < end) {
      try {
        await actions[Math.floor(Math.random() * actions.length)]!();
        counts.done++;
      } catch (error) {
        if ((error as Error).name === 'AbortError') counts.left++;
        else unexpected.push(`${error} ${(error as Error).cause ?? ''}`);
      }
    }
    libsql.close();
    return { inserted, counted };
  };

  const watch = setInterval(() => memories.push(tenants.workerd.memory), 1000);
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => client(i)));
  clearInterval(watch);
  console.log(JSON.stringify({ ...counts, memories: memories.map(Math.round) }));
  expect(unexpected).toEqual([]);
  expect(counts.left).toBeGreaterThan(100);
  // Every acknowledged write is there, once.
  const found = await tenants.inside<{ client: number; n: number }>(
    url,
    'SELECT client, n FROM counters ORDER BY client',
  );
  expect(found.map(({ n }) => n)).toEqual(clients.map(({ counted }) => counted));
  const [rows] = await tenants.inside<{ n: number }>(
    url,
    'SELECT count(*) AS n FROM items WHERE client >= 0',
  );
  expect(rows!.n).toBe(clients.reduce((sum, { inserted }) => sum + inserted, 0));
  // No cursor is open, and memory has settled.
  await admin.execute('DROP TABLE items');
  const third = Math.floor(memories.length / 3);
  const most = (from: number, to: number) => Math.max(...memories.slice(from, to));
  expect(most(2 * third, 3 * third)).toBeLessThan(most(third, 2 * third) * 1.25 + 16);
});
