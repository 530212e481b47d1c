import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Workerd } from './workerd.ts';

const FILE = join(
  dirname(createRequire(import.meta.url).resolve('vega-datasets')),
  '../data/flights-3m.parquet',
);
/** An isolate has 128 MB on the platform: this heap, and what is outside of it, stay below. */
const V8 = ['--max-old-space-size=48', '--max-semi-space-size=4'];

let origin: Server;
let workerd: Workerd;

beforeAll(async () => {
  const data = readFileSync(FILE);
  origin = createServer((request, response) => {
    const [, first = '', last = ''] = /bytes=(\d*)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const from = first === '' ? data.length - Number(last) : Number(first);
    const to = first === '' || last === '' ? data.length : Math.min(Number(last) + 1, data.length);
    const part = request.headers.range === undefined ? data : data.subarray(from, to);
    response.writeHead(part === data ? 200 : 206, {
      etag: '"1"',
      'content-length': part.length,
      ...(part !== data && { 'content-range': `bytes ${from}-${to - 1}/${data.length}` }),
    });
    response.end(request.method === 'HEAD' ? undefined : part);
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  workerd = await Workerd.create(
    'test/crash/worker/parquet.ts',
    {},
    {
      date: '2026-08-01',
      flags: ['nodejs_compat'],
      v8: V8,
      origin: `127.0.0.1:${(origin.address() as AddressInfo).port}`,
    },
  );
  await workerd.start();
});
afterAll(async () => {
  await workerd.dispose();
  origin.close();
});

test('three million rows of Parquet are grouped in the memory of an isolate, as DuckDB groups them', async () => {
  const sql = (source: string) =>
    `SELECT origin, count(*) AS n, sum(distance) AS s FROM '${source}' GROUP BY origin ORDER BY n DESC, 1 LIMIT 20`;
  const ask = (text: string) => workerd.request<object[]>(`/?${new URLSearchParams({ sql: text })}`);
  expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, workerd.memory);
  }, 5);
  const begun = performance.now();
  const rows = await ask(sql('https://data.example/flights.parquet'));
  clearInterval(watch);
  const seconds = (performance.now() - begun) / 1000;
  const connection = await (await DuckDBInstance.create()).connect();
  const expected = (await connection.runAndReadAll(sql(FILE))).getRowObjectsJson();
  connection.closeSync();
  expect(rows).toEqual(expected.map(({ origin, n, s }) => ({ origin, n: Number(n), s: Number(s) })));
  console.log(`3,000,000 rows: ${seconds.toFixed(1)} s, the whole runtime had ${peak.toFixed(0)} MB at most`);
  expect(peak).toBeLessThan(128);
});
