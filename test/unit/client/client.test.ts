import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChangeEvent, type Client, connect, type DosqlError } from '../../../src/client/index.ts';
import { Workerd } from '../../crash/workerd.ts';
import { tokenFor } from '../../package/cli/process.ts';
import { Relay } from './relay.ts';

let workerd: Workerd;
let relay: Relay;
let token: string;
let used = 0;
const clients: Client[] = [];

beforeAll(async () => {
  workerd = await Workerd.create('test/package/cli/worker.ts');
  await workerd.start();
  relay = await Relay.to(workerd.url);
  token = await tokenFor(Array.from({ length: 20 }, (_, i) => `log-${i}`));
});
afterAll(async () => {
  for (const client of clients) client.close();
  await relay.close();
  await workerd.dispose();
});

/** Clients of a new, empty database: one behind the relay, one that goes straight. */
function fresh(): { near: Client; far: Client; url: string } {
  const path = `/databases/log-${used++}`;
  const near = connect(workerd.url + path, { token });
  const far = connect(relay.url + path, { token: async () => token });
  clients.push(near, far);
  return { near, far, url: relay.url + path };
}

/** Resolves when `done` says so; events decide, the clock only asks. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await wait(5);
}

describe('queries', () => {
  test('carry every kind of value there and back', async () => {
    const { near } = fresh();
    await near.run('CREATE TABLE t (v)');
    const values = [
      null,
      'a\0b😀',
      1.5,
      -0,
      Infinity,
      -Infinity,
      9223372036854775807n,
      new Uint8Array([0, 255]),
      '',
    ];
    for (const value of values) await near.run('INSERT INTO t VALUES (:v)', { v: value });
    const { rows } = await near.query('SELECT v FROM t', [], { rows: 'values', integers: 'bigint' });
    expect(rows).toEqual(values.map((value) => [value]));
    const big = 'SELECT v FROM t WHERE typeof(v) = ?';
    await expect(near.query(big, ['integer'])).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
    expect((await near.query(big, ['integer'], { integers: 'string' })).rows).toEqual([
      { v: '9223372036854775807' },
    ]);
    expect(await near.sql`SELECT ${true} AS yes, ${new Date(0)} AS at`).toEqual([
      { yes: 1, at: '1970-01-01T00:00:00.000Z' },
    ]);
    await expect(near.run('SELECT ?', [Number.NaN])).rejects.toMatchObject({ code: 'INVALID_PARAMETER' });
  });

  test('of a batch are one transaction, and tell what they changed', async () => {
    const { near } = fresh();
    await near.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v UNIQUE)');
    const [first, second] = await near.batch([
      ["INSERT INTO t(v) VALUES (?), ('b')", ['a']],
      'SELECT count(*) AS n FROM t',
    ]);
    expect(first).toMatchObject({ changes: 2, lastInsertRowid: 2 });
    expect(second!.rows).toEqual([{ n: 2 }]);
    const failing = near.batch(["INSERT INTO t(v) VALUES ('c')", "INSERT INTO t(v) VALUES ('a')"]);
    await expect(failing).rejects.toMatchObject({
      name: 'DosqlError',
      code: 'UNIQUE_VIOLATION',
      table: 't',
      columns: ['v'],
    });
    expect((await near.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 2 }]);
  });

  test('fail with a code, and without the token, when nobody answers or the token is wrong', async () => {
    const { url } = fresh();
    const errors = await Promise.all(
      [
        connect('http://127.0.0.1:1/a?x=y', { token }),
        connect(url, { token: 'wrong-token' }),
        connect(`${workerd.url}/nowhere`, { token }),
        connect(url, { token: 'wrong-token\nof two lines' }),
      ].map((client) => client.query('SELECT 1').catch((error: DosqlError) => error)),
    );
    expect(errors).toMatchObject([
      { code: 'CONNECTION_FAILED' },
      { code: 'UNAUTHENTICATED' },
      { code: 'CONNECTION_FAILED' },
      { code: 'INVALID_ARGUMENT' },
    ]);
    for (const error of errors as Error[]) {
      const text = `${error.message} ${error.stack} ${JSON.stringify(error)} ${(error.cause as Error)?.message}`;
      expect(text).not.toMatch(new RegExp(`wrong-token|${token}`));
    }
  });
});

describe('a live query', () => {
  test('gives its rows now, after a commit, and after a broken connection', async () => {
    const { near, far } = fresh();
    await near.run('CREATE TABLE t (v)');
    const seen: unknown[][] = [];
    const live = far.subscribe<{ v: unknown }>(
      ['SELECT v FROM t WHERE v > ? ORDER BY v', [0]],
      ({ rows }) => {
        seen.push(rows.map(({ v }) => v));
      },
    );
    await until(() => seen.length === 1);
    await near.run('INSERT INTO t VALUES (1), (-1)');
    await until(() => seen.length === 2);
    relay.cut();
    await near.run('INSERT INTO t VALUES (2)');
    await until(() => seen.at(-1)?.length === 2);
    expect(seen.at(-1)).toEqual([1, 2]);
    live.close();
    expect(seen[0]).toEqual([]);
    expect(seen[1]).toEqual([1]);
  });
});

test('a subscription goes on when there is no token for a while, as when one is offline', async () => {
  const { near, url } = fresh();
  await near.run('CREATE TABLE t (v)');
  let offline = false;
  let asked = 0;
  const far = connect(url, {
    token: async () => {
      if (!offline) return token;
      asked++;
      throw new TypeError('fetch failed');
    },
  });
  clients.push(far);
  const seen: unknown[] = [];
  const errors: unknown[] = [];
  far.subscribe<{ n: number }>(
    'SELECT count(*) AS n FROM t',
    ({ rows }) => void seen.push(rows[0]!.n),
    (error) => errors.push(error),
  );
  await until(() => seen.length === 1);
  offline = true;
  relay.cut();
  await until(() => asked > 1 || errors.length > 0);
  await near.run('INSERT INTO t VALUES (1)');
  offline = false;
  await until(() => seen.length === 2 || errors.length > 0);
  expect([seen, errors]).toEqual([[0, 1], []]);
  far.close();
});

test('a subscription behind a closed one is told that there is no token, as the first is', async () => {
  const { near, url } = fresh();
  await near.run('CREATE TABLE t (v)');
  let signedIn = true;
  const far = connect(url, {
    token: async () => {
      if (signedIn) return token;
      throw new Error('signed out');
    },
  });
  clients.push(far);
  let seen = 0;
  const first = far.subscribe('SELECT * FROM t', () => void seen++);
  await until(() => seen === 1);
  first.close();
  signedIn = false;
  const errors: unknown[] = [];
  far.subscribe(
    'SELECT * FROM t',
    () => {},
    (error) => errors.push(error),
  );
  await until(() => errors.length > 0);
  expect(errors).toMatchObject([{ code: 'CONNECTION_FAILED' }]);
});

describe('changes', () => {
  test('come once each and in order, whatever happens to the connection', { timeout: 120_000 }, async () => {
    const { near, far } = fresh();
    await near.run('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
    const ids: unknown[] = [];
    let ready = false;
    const subscription = far.changes({ tables: ['t'], ops: ['insert'] }, async (events) => {
      for (const { after } of events) {
        ids.push(after!['id']);
        if (Math.random() < 0.1) await wait(1);
      }
    });
    void until(() => subscription.position !== undefined).then(() => (ready = true));
    await until(() => ready);
    for (let i = 1; i <= 300; i++) {
      await near.run('INSERT INTO t VALUES (?, ?)', [i, i]);
      if (i % 2 === 0) await near.run('UPDATE t SET v = 0 WHERE id = ?', [i]);
      if (i % 37 === 0) relay.cut();
    }
    await until(() => ids.length >= 300);
    subscription.close();
    expect(ids).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));

    // The position goes on in another client, as after a reload of the page.
    const again: ChangeEvent[] = [];
    await near.run("INSERT INTO t VALUES (301, x'00ff')");
    const next = near.changes(
      { tables: ['t'], since: subscription.position! },
      (events) => void again.push(...events),
    );
    await until(() => again.some(({ op }) => op === 'insert'));
    next.close();
    expect(again.filter(({ op }) => op === 'insert')).toMatchObject([
      { table: 't', after: { id: 301, v: new Uint8Array([0, 255]) } },
    ]);
  });

  test('that are gone ask for a resync, or end with HISTORY_UNAVAILABLE', async () => {
    const { near } = fresh();
    await near.run('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const ended = await new Promise((resolve) => near.changes({ since: 'otherlog.5' }, () => {}, resolve));
    expect(ended).toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
    const ids: unknown[] = [];
    let resynced = 0;
    const onResync = async () => {
      resynced++;
    };
    const subscription = near.changes(
      { since: 'otherlog.5', onResync },
      (events) => void ids.push(...events.map(({ after }) => after!['id'])),
    );
    await until(() => resynced === 1 && !subscription.position!.startsWith('otherlog'));
    await near.run('INSERT INTO t VALUES (1)');
    await until(() => ids.length === 1);
    subscription.close();
    expect({ ids, resynced }).toEqual({ ids: [1], resynced: 1 });
  });

  test('end when the handler fails, the token is wrong, or the query is', async () => {
    const { near, url } = fresh();
    await near.run('CREATE TABLE t (id INTEGER PRIMARY KEY)');
    const failed = new Promise((resolve) => {
      const subscription = near.changes(
        {},
        () => {
          throw new RangeError('mine');
        },
        (error) => resolve([error, subscription.position]),
      );
      void until(() => subscription.position !== undefined).then(() => near.run('INSERT INTO t VALUES (1)'));
    });
    const [error, position] = (await failed) as [Error, string];
    expect(error).toBeInstanceOf(RangeError);
    // Behind the one that failed nothing was handled: who goes on from here gets it again.
    const again: unknown[] = [];
    const next = near.changes({ since: position }, (events) => void again.push(...events));
    await until(() => again.length === 1);
    next.close();

    const stranger = connect(url, { token: 'wrong' });
    const refused = await new Promise((resolve) => stranger.changes({}, () => {}, resolve));
    expect(refused).toMatchObject({ code: 'UNAUTHENTICATED' });
    const wrong = await new Promise((resolve) => near.subscribe('SELECT * FROM nowhere', () => {}, resolve));
    expect(wrong).toMatchObject({ code: 'NO_SUCH_TABLE' });
  });

  test('leave no connection behind when the last subscription has failed', async () => {
    const { far } = fresh();
    const failed = new Promise((resolve) => far.subscribe('SELECT * FROM nowhere', () => {}, resolve));
    expect(await failed).toMatchObject({ code: 'NO_SUCH_TABLE' });
    await until(() => relay.size === 0);
    expect(relay.size).toBe(0);
  });
});
