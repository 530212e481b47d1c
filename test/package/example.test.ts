import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
let temporary: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'dosql-example-'));
});

afterEach(() => {
  if (child?.exitCode === null) child.kill();
  child = undefined;
  rmSync(temporary, { recursive: true, force: true });
});

/** Starts the example as `npm start` does. `until` resolves with the output so far once it holds the text. */
function start(...args: string[]) {
  child = spawn(process.execPath, ['examples/flights/start.ts', ...args], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary, NO_COLOR: '1' },
  });
  let output = '';
  const waiting: (() => void)[] = [];
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const check of waiting) check();
    });
  }
  const exit = once(child, 'exit').then(([code]) => ({ code: code as number, output }));
  const until = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const check = () => output.includes(text) && resolve(output);
      waiting.push(check);
      check();
      exit.then(() => reject(new Error(output)));
    });
  return { child, exit, until };
}

/** The data of server-sent events, as they arrive. */
async function* eventsOf({ body }: Response): AsyncGenerator<unknown, void> {
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split('\n\n');
    text = events.pop()!;
    for (const event of events) yield JSON.parse(event.slice('data: '.length));
  }
}

describe('the flights example', () => {
  test('ships the migrations that drizzle-kit wrote', () => {
    const check = [
      'bundle',
      'examples/flights/drizzle',
      '--out',
      'examples/flights/src/migrations.ts',
      '--check',
    ];
    const { status, stdout } = spawnSync(process.execPath, ['cli/main.ts', ...check], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stdout).toContain('3 migrations, up to date');
    expect(status).toBe(0);
  });

  test('runs its whole tour, every check holds, and leaves nothing behind', async () => {
    const { code, output } = await start('--once').exit;
    expect(output).toContain('✓ 3 migrations applied');
    expect(output).toMatch(/airports +3,376 rows/);
    expect(output).toMatch(/flights +20,000 rows/);
    expect(output).toContain('✓ {"airports":3376,"routes":2977,"flights":20000,"timings":0}');
    expect(output).toContain('Rollback');
    expect(output).toMatch(/Honolulu International +│ Daniel K. Inouye International/);
    expect(output).toContain('17 of 17 checks held');
    expect(output).not.toContain('✗');
    expect(code).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('serves until it is told to stop, and then stops the runtime too', async () => {
    const { child, exit, until } = start();
    const output = await until('Serving');
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(output)![0];
    const stats = (await (await fetch(`${url}acme/stats`)).json()) as {
      result: { rows: { flights: number } };
    };
    // Closing Juneau, a step of the tour, took nine of its 20,000 flights along.
    expect(stats.result.rows.flights).toBe(19_991);

    const airport = { iata: 'XYZ', name: 'New', country: 'USA', location: { latitude: 1, longitude: 2 } };
    const load = async (rows: unknown, table = 'airports') => {
      const response = await fetch(`${url}acme/load/${table}`, {
        method: 'POST',
        body: JSON.stringify(rows),
      });
      return { status: response.status, error: ((await response.json()) as { error?: string }).error };
    };
    expect(await load([airport])).toEqual({ status: 200 });
    expect(await load([{ ...airport, iata: 'ZZZ' }, airport])).toEqual({
      status: 409,
      error: 'UNIQUE_VIOLATION',
    });
    expect(await load([airport], 'nothing')).toEqual({ status: 404, error: 'NOT_FOUND' });
    expect(await load('XYZ')).toEqual({ status: 400, error: 'BAD_REQUEST' });
    const flight = { origin: 'XYZ', destination: 'JFK', departsAt: 'soon', delay: 0, distance: 1 };
    expect(await load([flight], 'flights')).toEqual({ status: 400, error: 'INVALID_PARAMETER' });
    const after = (await (await fetch(`${url}acme/stats`)).json()) as { result: { rows: object } };
    expect(after.result.rows).toMatchObject({ airports: 3377, routes: 2974 });

    const history = (await (await fetch(`${url}acme/history/airports/HNL`)).json()) as {
      result: { name: string; rowStart: string; rowEnd: string | null }[];
    };
    const [old, renamed] = history.result;
    expect(history.result).toHaveLength(2);
    expect(old).toMatchObject({ name: 'Honolulu International', rowEnd: renamed!.rowStart });
    expect(renamed).toMatchObject({ name: 'Daniel K. Inouye International', rowEnd: null });

    const watch = new AbortController();
    const watched = await fetch(`${url}acme/live/routes/JFK`, { signal: watch.signal });
    expect(watched.headers.get('content-type')).toBe('text/event-stream');
    const events = eventsOf(watched);
    const route = { origin: 'JFK', destination: 'LAX', distance: 2475 };
    const now = await events.next();
    expect(now.value).toMatchObject({ added: expect.arrayContaining([{ ...route, flights: 30 }]) });
    await fetch(`${url}acme/changes/addFlight`, { method: 'POST' });
    expect((await events.next()).value).toEqual({
      added: [],
      removed: [],
      changed: [{ before: { ...route, flights: 30 }, after: { ...route, flights: 31 } }],
      reordered: false,
    });
    watch.abort();

    child.kill('SIGTERM');
    expect((await exit).code).toBe(143);
    await expect(fetch(`${url}acme/stats`)).rejects.toThrow();
    expect(readdirSync(temporary)).toEqual([]);
  });
});
