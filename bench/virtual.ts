import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { unstable_startWorker } from 'wrangler';

/*
 * A group-by over the 3 million rows of a Parquet file: in workerd out of a local R2 bucket, and in DuckDB out of the
 * file system. `node bench/virtual.ts`
 */
const root = join(import.meta.dirname, '..');
const FILE = join(root, 'node_modules/vega-datasets/data/flights-3m.parquet');
const RUNS = 3;
const QUERIES = {
  'one column, 3 million rows': 'SELECT count(*) AS n, sum(distance) AS s FROM $',
  'two columns, 3 million rows':
    'SELECT origin, count(*) AS n, avg(delay) AS d FROM $ GROUP BY origin ORDER BY n DESC LIMIT 5',
  'a tenth of the row groups':
    "SELECT origin, count(*) AS n FROM $ WHERE date < '2001-01-15' GROUP BY origin ORDER BY n DESC LIMIT 5",
};

const WORKER = `
import { DurableObject } from 'cloudflare:workers';
import { DB } from '${root}/src/index.ts';
import { virtualTables } from '${root}/src/virtual/index.ts';
export class Bench extends DurableObject {
  async fetch(request) {
    const db = await DB('bench', { storage: this.ctx.storage, extensions: [virtualTables({ r2: { b: this.env.BUCKET } })] });
    const { sql, explain } = await request.json();
    return Response.json(explain ? (await db.explain(sql)).sources : (await db.query(sql)).rows);
  }
}
export default { fetch: async (request, env) => request.method === 'PUT' ? new Response(String((await env.BUCKET.put('flights.parquet', request.body)).size)) : env.OBJECT.get(env.OBJECT.idFromName('b')).fetch(request) };
`;

const folder = mkdtempSync(join(tmpdir(), 'dosql-bench-virtual-'));
writeFileSync(join(folder, 'worker.ts'), WORKER);
writeFileSync(
  join(folder, 'wrangler.json'),
  JSON.stringify({
    name: 'bench-virtual',
    main: 'worker.ts',
    compatibility_date: '2026-08-01',
    compatibility_flags: ['nodejs_compat'],
    durable_objects: { bindings: [{ name: 'OBJECT', class_name: 'Bench' }] },
    migrations: [{ tag: 'v1', new_sqlite_classes: ['Bench'] }],
    r2_buckets: [{ binding: 'BUCKET', bucket_name: 'bench' }],
  }),
);
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
const worker = await unstable_startWorker({
  config: join(folder, 'wrangler.json'),
  dev: {
    watch: false,
    server: { port: 0 },
    inspector: false,
    logLevel: 'error',
    persist: join(folder, 'state'),
  },
});
await worker.fetch('http://x/', { method: 'PUT', body: readFileSync(FILE) });
const ask = async (body: object) => {
  const answer = await worker.fetch('http://x/', { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
};

const duck = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
for (const [what, query] of Object.entries(QUERIES)) {
  const times: number[] = [];
  const duckTimes: number[] = [];
  let rows: unknown;
  for (let run = 0; run < RUNS; run++) {
    let start = performance.now();
    rows = await ask({ sql: query.replace('$', `'r2://b/flights.parquet'`) });
    times.push(performance.now() - start);
    start = performance.now();
    const found = await duck.runAndReadAll(query.replace('$', `'${FILE}'`));
    duckTimes.push(performance.now() - start);
    const expected = found
      .getRowObjectsJson()
      .map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([k, v]) => [
            k,
            typeof v === 'string' && /^-?\d+(\.\d+)?$/.test(v) ? Number(v) : v,
          ]),
        ),
      );
    if (JSON.stringify(round(rows)) !== JSON.stringify(round(expected)))
      throw new Error(`DuckDB says ${JSON.stringify(expected)}, not ${JSON.stringify(rows)}`);
  }
  const [source] = (await ask({
    sql: query.replace('$', `'r2://b/flights.parquet'`),
    explain: true,
  })) as object[];
  const best = Math.min(...times);
  const duckBest = Math.min(...duckTimes);
  console.log(
    `${what}: ${Math.round(best)} ms, ${Math.round(3e6 / best)} thousand rows/s; DuckDB, one thread: ${Math.round(duckBest)} ms; ${JSON.stringify(source)}`,
  );
}
duck.closeSync();
await worker.dispose();
rmSync(folder, { recursive: true });

/** Averages are sums in another order. */
function round(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, part) =>
    typeof part === 'number' ? Number(part.toPrecision(10)) : part,
  );
}
