import { expect, test } from 'vitest';
import { type Served, served } from './served.ts';

declare const DOSQL_RUNS: number;

const SCHEMA = [
  'CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER CHECK (v < 5000))',
  'CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT, k)',
  'INSERT INTO t VALUES (0, 1), (1, 2)',
];
const STREAMS = 3;
const STEPS = 120;

type Answer =
  | {
      type: 'ok';
      response: { result: { rows: unknown; affected_row_count: number; last_insert_rowid: unknown } };
    }
  | { type: 'error'; error: { code: string } };
interface Done {
  sql: string;
  told: unknown;
}

/** Numbers below n that only depend on the seed. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function statement(below: (n: number) => number): string {
  const k = below(5);
  const v = below(100);
  const all = [
    'SELECT sum(v), count(*) FROM t',
    `SELECT v FROM t WHERE k = ${k}`,
    'SELECT k FROM t ORDER BY v, k LIMIT 1',
    `UPDATE t SET v = v + ${v} WHERE k = ${k}`,
    `UPDATE t SET v = (SELECT max(v) FROM t) WHERE k = ${k}`,
    `INSERT INTO t VALUES (${k}, ${v})`,
    `INSERT INTO c VALUES (NULL, ${k})`,
    `DELETE FROM t WHERE k = ${k} AND v % 2 = 0`,
    `CREATE TABLE IF NOT EXISTS x${k} (a)`,
    `DROP TABLE IF EXISTS x${k}`,
    `INSERT INTO x${k} VALUES (${v})`,
    `SELECT count(*) FROM x${k}`,
    `SAVEPOINT s${below(2)}`,
    `RELEASE s${below(2)}`,
    `ROLLBACK TO s${below(2)}`,
    'ROLLBACK TO nowhere',
    'BEGIN',
    'SELEC',
  ];
  return all[below(all.length)]!;
}

async function ask({ post }: Served, baton: string | null, sqls: readonly string[]) {
  const requests = sqls.map((sql) => ({ type: 'execute', stmt: { sql } }));
  const { status, body } = await post<{ baton: string | null; results: Answer[] }>('/v3/pipeline', {
    baton,
    requests,
  });
  expect(status, sqls.join()).toBe(200);
  return body;
}

function told(answer: Answer): unknown {
  if (answer.type === 'error') return answer.error;
  const { rows, affected_row_count, last_insert_rowid } = answer.response.result;
  return { rows, affected_row_count, last_insert_rowid };
}

/** Some streams at once, at random: the transactions that committed, in the order of their commits. */
async function play(client: Served, below: (n: number) => number): Promise<Done[][]> {
  const committed: Done[][] = [];
  const streams = Array.from({ length: STREAMS }, () => ({
    baton: null as string | null,
    log: [] as Done[],
  }));
  for (let step = 0; step < STEPS; step++) {
    const stream = streams[below(STREAMS)]!;
    const open = stream.log.length > 0;
    const sqls = open ? Array.from({ length: 1 + below(3) }, () => statement(below)) : [statement(below)];
    if (open && below(4) === 0) sqls.push(below(5) ? 'COMMIT' : 'ROLLBACK');
    if (!open && /^(SAVEPOINT|BEGIN)/.test(sqls[0]!)) continue;
    if (!open && below(4)) sqls.unshift('BEGIN');
    const { baton, results } = await ask(client, stream.baton, sqls);
    stream.baton = baton;
    for (const [i, sql] of sqls.entries()) {
      const answer = results[i]!;
      if (answer.type === 'error' && answer.error.code === 'SQLITE_BUSY') {
        await ask(client, stream.baton, ['ROLLBACK']);
        Object.assign(stream, { baton: null, log: [] });
        break;
      }
      stream.log.push({ sql, told: told(answer) });
      if (sqls[0] === 'BEGIN' || open ? sql === 'COMMIT' : true) committed.push(stream.log);
      else if (sql !== 'ROLLBACK') continue;
      stream.log = [];
    }
  }
  return committed;
}

const contents = async ({ db }: Served) => [
  (await db.query('SELECT * FROM t ORDER BY k')).rows,
  (await db.query('SELECT * FROM c ORDER BY id')).rows,
];

test('interactive transactions of several clients answer what they would have answered one after the other', async () => {
  for (let seed = 1; seed <= Math.min(3 * DOSQL_RUNS, 30); seed++) {
    const [committed, final] = await served(
      async (client) => [await play(client, numbers(seed * 7919)), await contents(client)] as const,
      {},
      { schema: SCHEMA },
    );
    expect(committed.length, `seed ${seed}`).toBeGreaterThan(5);
    await served(
      async (model) => {
        for (const transaction of committed) {
          const sqls = transaction.map(({ sql }) => sql);
          const { results } = await ask(model, null, sqls);
          expect(results.map(told), `seed ${seed}: ${sqls.join('; ')}`).toEqual(
            transaction.map((done) => done.told),
          );
        }
        expect(await contents(model), `seed ${seed}`).toEqual(final);
      },
      {},
      { schema: SCHEMA },
    );
  }
});
