import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.ts';
import { Workerd } from '../crash/workerd.ts';
import { Shell, tokenFor } from './cli/process.ts';

/** A million in the long run. */
const ROWS = Math.min(1_000_000, 20_000 * Number(process.env['DOSQL_RUNS'] ?? 1));
const STEP = 10_000;
/** Above what the runtime has at rest. */
const MEMORY_MB = 64;
/**
 * On the platform an isolate has 128 MB, of which V8's heap is one part; a runtime of one's own has no limit, and V8 then
 * lets dead objects pile up instead of collecting them. With a quarter of it there is no room for many.
 */
const V8 = ['--max-old-space-size=32', '--max-semi-space-size=4'];

let workerd: Workerd;
let shell: Shell;
let token: string;

beforeAll(async () => {
  workerd = await Workerd.create(
    'test/package/cli/worker.ts',
    {},
    { date: '2026-01-01', flags: ['nodejs_compat'], v8: V8 },
  );
  await workerd.start();
  shell = await Shell.create();
  token = await tokenFor(['source', 'target']);
});
afterAll(async () => {
  await shell.remove();
  await workerd.dispose();
});

const url = (name: string) => `${workerd.url}/databases/${name}/`;
const client = (name: string) => connect(url(name), { token });

const SCHEMA = `CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE items (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents(id) ON DELETE CASCADE, next INTEGER REFERENCES items(id), v, r REAL, t TEXT, twice AS (id * 2) STORED, UNIQUE (t));
CREATE TABLE keyed (a TEXT, b INTEGER, c, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5(body);
CREATE INDEX by_parent ON items(parent);
CREATE TRIGGER items_ai AFTER INSERT ON items WHEN new.id % 10 = 0 BEGIN INSERT INTO search(rowid, body) VALUES (new.id, new.t); END;
INSERT INTO parents SELECT value, 'parent ' || value FROM json_each('[1,2,3,4,5,6,7,8,9,10]')`;

/** Every kind of value, and a row that refers to one behind it. */
const FILL = `WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO items(id, parent, next, v, r, t) SELECT CAST(i AS INTEGER), 1 + i % 10, NULL,
CASE CAST(i % 9 AS INTEGER) WHEN 0 THEN NULL WHEN 1 THEN 9223372036854775807 - CAST(i AS INTEGER) WHEN 2 THEN i / 7.0 WHEN 3 THEN 9e999 WHEN 4 THEN randomblob(20) WHEN 5 THEN 'a' || char(0) || i WHEN 6 THEN 1.0 * i WHEN 7 THEN '' ELSE -CAST(i AS INTEGER) END,
i / 3.0, 'it''s; row ' || CAST(i AS INTEGER) FROM n`;

describe(`${ROWS} rows`, () => {
  test('go out and in again unchanged, in little memory, while others are answered', {
    timeout: 1_800_000,
  }, async () => {
    const source = client('source');
    for (const sql of SCHEMA.split(/;\n/)) await source.run(sql);
    for (let from = 1; from <= ROWS; from += STEP) await source.run(FILL, [from, from + STEP - 1]);
    await source.run('UPDATE items SET next = id + 1 WHERE id % 1000 = 1');
    await source.run('INSERT INTO keyed SELECT t, id, v FROM items WHERE id % 20 = 0');
    await workerd.kill();
    await workerd.start();
    expect((await client('source').query('SELECT max(id) AS n FROM items')).rows).toEqual([{ n: ROWS }]);
    await client('target').query('SELECT 1');

    const watch = async (name: string, args: string[]) => {
      const before = workerd.memory;
      let slowest = 0;
      let peak = 0;
      let answered = 0;
      let running = true;
      const others = (async () => {
        while (running) {
          const begun = performance.now();
          await client(name).query('SELECT 1');
          slowest = Math.max(slowest, performance.now() - begun);
          peak = Math.max(peak, workerd.memory);
          answered++;
          await wait(20);
        }
      })();
      const begun = performance.now();
      const ended = await shell.dosql(token, args);
      const seconds = (performance.now() - begun) / 1000;
      running = false;
      await others;
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      const more = peak - before;
      console.log(
        `${args[0]}: ${seconds.toFixed(1)} s, ${more.toFixed(0)} MB above idle, ${answered} others answered, slowest ${slowest.toFixed(0)} ms`,
      );
      return { more, slowest, answered };
    };
    const out = await watch('source', ['export', url('source'), '--out', 'large.sql']);
    await workerd.kill();
    await workerd.start();
    await client('target').query('SELECT 1');
    const back = await watch('target', ['import', url('target'), 'large.sql']);
    for (const { more, slowest, answered } of [out, back]) {
      expect(more).toBeLessThan(MEMORY_MB);
      expect(answered).toBeGreaterThan(3);
      expect(slowest).toBeLessThan(5000);
    }
    expect((await shell.dosql(token, ['export', url('target'), '--out', 'again.sql'])).code).toBe(0);
    expect(await hashOf('again.sql')).toBe(await hashOf('large.sql'));
    const found = await client('target').query(`SELECT count(*) AS n FROM search('"row 10"')`);
    expect(found.rows).toEqual([{ n: 1 }]);
  });
});

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(shell.at(file))) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
