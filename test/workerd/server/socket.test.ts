import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { expect, test, vi } from 'vitest';
import { issueToken, type TokenOptions } from '../../../src/server/index.ts';
import type { ServerObject } from './server-object.ts';

const SECRET = 'a secret of the tests, with more than 32 bytes';

// biome-ignore lint/suspicious/noExplicitAny: messages are looked at field by field
type Message = any;

/** A client of one socket: what it was sent waits to be taken. */
class Client {
  readonly #waiting: Message[] = [];
  #taker: ((message: Message) => void) | undefined;
  readonly closed: Promise<CloseEvent>;

  constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data as string);
      const taker = this.#taker;
      this.#taker = undefined;
      if (taker) taker(message);
      else this.#waiting.push(message);
    });
    socket.accept();
  }

  static async open(
    stub: DurableObjectStub,
    options: Partial<TokenOptions> = {},
    path = '/databases/a/ws',
  ): Promise<Client> {
    const token = await issueToken(SECRET, { database: 'tenant-a', access: 'write', ...options });
    const headers = { upgrade: 'websocket', 'sec-websocket-protocol': `dosql, bearer.${token}` };
    const response = await stub.fetch(`https://object.example${path}`, { headers });
    expect(response.status).toBe(101);
    expect(response.headers.get('sec-websocket-protocol')).toBe('dosql');
    return new Client(response.webSocket!);
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  take(): Promise<Message> {
    const message = this.#waiting.shift();
    return message ? Promise.resolve(message) : new Promise((resolve) => (this.#taker = resolve));
  }

  ask(message: object): Promise<Message> {
    this.say(message);
    return this.take();
  }
}

const fresh = () => env.SERVERS.get(env.SERVERS.newUniqueId());
const write = (stub: DurableObjectStub<ServerObject>, sql: string) =>
  runInDurableObject(stub, async (object) => {
    await (await object.database).run(sql);
  });

test('queries, batches and their errors are answered under their ids', async () => {
  const client = await Client.open(fresh());
  const inserted = await client.ask({ id: 1, sql: 'INSERT INTO items (name) VALUES (?)', params: ['a'] });
  expect(inserted).toMatchObject({ id: 1, changes: 1, lastInsertRowid: 1 });
  expect(
    await client.ask({ id: 'two', statements: ['SELECT 1', ['SELECT ?', [{ $int: '9007199254740993' }]]] }),
  ).toMatchObject({
    id: 'two',
    results: [{ rows: [[1]] }, { rows: [[{ $int: '9007199254740993' }]] }],
  });
  expect(await client.ask({ id: 3, sql: 'SELECT * FROM nowhere' })).toMatchObject({
    id: 3,
    error: { code: 'NO_SUCH_TABLE', table: 'nowhere' },
  });
  expect(await client.ask({ sql: 'SELECT 1' })).toMatchObject({
    id: null,
    error: { code: 'INVALID_ARGUMENT' },
  });
  client.socket.send('nonsense');
  expect(await client.take()).toMatchObject({ id: null, error: { code: 'INVALID_ARGUMENT' } });
  const large = await client.ask({ id: 4, sql: 'SELECT hex(zeroblob(600000))' });
  expect(large).toMatchObject({ id: 4, error: { code: 'LIMIT_EXCEEDED' } });
});

test('a live query is sent again when a commit changed its rows, also one by a trigger or inside the object', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  await client.ask({ id: 0, sql: 'CREATE TABLE counts (n INTEGER)' });
  await client.ask({ id: 0, sql: 'INSERT INTO counts VALUES (0)' });
  await client.ask({
    id: 0,
    sql: 'CREATE TRIGGER counted AFTER INSERT ON items BEGIN UPDATE counts SET n = n + 1; END',
  });
  const first = await client.ask({
    id: 9,
    subscribe: { sql: 'SELECT n FROM counts WHERE n >= ?', params: [0] },
  });
  expect(first).toEqual({ id: '9', type: 'rows', version: 1, columns: ['n'], rows: [[0]] });
  client.say({ id: 9, ack: 1 });
  await write(stub, "INSERT INTO items (name) VALUES ('a')");
  expect(await client.take()).toMatchObject({ id: '9', version: 2, rows: [[1]] });
  // It has not acknowledged: what it misses is part of the next.
  await write(stub, "INSERT INTO items (name) VALUES ('b')");
  await write(stub, "INSERT INTO items (name) VALUES ('c')");
  client.say({ id: 9, ack: 2 });
  expect(await client.take()).toMatchObject({ id: '9', version: 3, rows: [[3]] });
  client.say({ id: 9, ack: 3 });
  // Nothing of it changed: nothing is sent.
  await write(stub, "UPDATE items SET name = 'd' WHERE name = 'a'");
  expect(await client.ask({ id: 5, sql: 'SELECT 1' })).toMatchObject({ id: 5 });
  expect(await client.ask({ id: 9, unsubscribe: true })).toEqual({ id: 9, type: 'end' });
  await write(stub, "INSERT INTO items (name) VALUES ('e')");
  expect(await client.ask({ id: 6, sql: 'SELECT 1' })).toMatchObject({ id: 6 });
  expect(await client.ask({ id: 7, subscribe: { sql: 'DELETE FROM items' } })).toMatchObject({
    id: 7,
    error: { code: 'READ_ONLY' },
  });
});

test('a live query goes on when a transaction of the object changes the schema', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  await client.ask({ id: 1, subscribe: { sql: 'SELECT * FROM items' } });
  client.say({ id: 1, ack: 1 });
  await runInDurableObject(stub, async (object) => {
    const db = await object.database;
    await db.transaction(async (tx) => {
      await tx.run('ALTER TABLE items ADD COLUMN more DEFAULT 7');
      await tx.run("INSERT INTO items (name) VALUES ('a')");
      await db.storage.get('time for others');
    });
  });
  expect(await client.take()).toMatchObject({
    type: 'rows',
    version: 2,
    rows: [expect.arrayContaining([7])],
  });
});

test('the tail of the change log: two of them on one socket, acknowledged, and resumed from a position', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  const ready = await client.ask({ id: 'all', subscribe: { changes: {} } });
  expect(ready).toMatchObject({ id: 'all', type: 'ready' });
  const inserts = { tables: ['items'], ops: ['insert'] };
  expect(await client.ask({ id: 'new', subscribe: { changes: inserts } })).toMatchObject({
    id: 'new',
    type: 'ready',
  });
  await write(stub, "INSERT INTO items (name) VALUES ('a')");
  const both = [await client.take(), await client.take()];
  expect(both.map(({ id, type }) => [id, type]).sort()).toEqual([
    ['all', 'changes'],
    ['new', 'changes'],
  ]);
  for (const { id, to } of both) client.say({ id, ack: to });
  await write(stub, "UPDATE items SET name = 'b'");
  const update = await client.take();
  expect(update).toMatchObject({ id: 'all', events: [{ op: 'update' }] });
  const later = await Client.open(stub);
  await later.ask({ id: 1, subscribe: { changes: { since: both.find(({ id }) => id === 'all').to } } });
  expect(await later.take()).toMatchObject({ id: '1', type: 'changes', from: update.from, to: update.to });
  expect(await later.ask({ id: 2, subscribe: { changes: { since: 'nonsense' } } })).toMatchObject({
    id: 2,
    error: { code: 'INVALID_ARGUMENT' },
  });
});

test('a hibernated object loses no subscription, no position and no change', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  await client.ask({ id: 'tail', subscribe: { changes: { tables: ['items'] } } });
  const first = await client.ask({ id: 'live', subscribe: { sql: 'SELECT count(*) AS n FROM items' } });
  client.say({ id: 'live', ack: first.version });
  await client.ask({ id: 0, sql: 'SELECT 1' });
  for (const name of ['a', 'b']) {
    await evictDurableObject(stub);
    // The object wakes up for something else than the socket.
    await write(stub, `INSERT INTO items (name) VALUES ('${name}')`);
    const messages = [await client.take(), await client.take()];
    const change = messages.find(({ id }) => id === 'tail');
    const rows = messages.find(({ id }) => id === 'live');
    expect(change).toMatchObject({ type: 'changes', events: [{ op: 'insert' }] });
    expect(rows).toMatchObject({ type: 'rows', rows: [[name === 'a' ? 1 : 2]] });
    client.say({ id: 'tail', ack: change.to });
    client.say({ id: 'live', ack: rows.version });
    await client.ask({ id: 0, sql: 'SELECT 1' });
  }
  await evictDurableObject(stub);
  expect(await client.ask({ id: 1, sql: 'SELECT name FROM items' })).toMatchObject({
    id: 1,
    rows: [['a'], ['b']],
  });
});

test('a database that cannot be opened after hibernation closes the sockets that listen to it, and no other', async () => {
  const stub = fresh();
  const broken = await Client.open(stub, {}, '/broken/ws');
  const idle = await Client.open(stub, {}, '/broken/ws');
  const client = await Client.open(stub);
  const sql = 'SELECT count(*) FROM items';
  await broken.ask({ id: 1, subscribe: { sql } });
  await client.ask({ id: 1, subscribe: { changes: {} } });
  await runInDurableObject(stub, (_, ctx) => ctx.storage.kv.put('broken', true));
  await evictDurableObject(stub);
  await write(stub, "INSERT INTO items (name) VALUES ('a')");
  expect(await client.take()).toMatchObject({ type: 'changes', events: [{ op: 'insert' }] });
  expect(await client.ask({ id: 2, sql })).toMatchObject({ id: 2, rows: [[1]] });
  expect(await broken.closed).toMatchObject({ code: 1011, reason: 'INTERNAL_ERROR' });
  expect(await idle.ask({ id: 3, sql })).toMatchObject({ id: 3, error: { code: 'INTERNAL_ERROR' } });
});

test('a live query that is begun anew with other parameters gives their rows, also while the first is being read', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await runInDurableObject(stub, async (object) => {
    void (await object.database).scope.lock.exclusive(() => released);
  });
  for (const name of ['first', 'second'])
    client.say({ id: 1, subscribe: { sql: 'SELECT ? AS a', params: [name] } });
  const kept = () =>
    runInDurableObject(stub, (_, ctx) => JSON.stringify(ctx.getWebSockets()[0]!.deserializeAttachment()));
  while (!(await kept()).includes('second'));
  await runInDurableObject(stub, () => release());
  expect(await client.take()).toMatchObject({ version: 1, rows: [['second']] });
});

test('a message has at most a MiB, in bytes', async () => {
  const client = await Client.open(fresh());
  const euros = (count: number) => `SELECT replace(hex(zeroblob(${count / 2})), '0', '€')`;
  const error = { code: 'LIMIT_EXCEEDED' };
  expect(await client.ask({ id: 1, sql: euros(340_000) })).toMatchObject({ rows: [[expect.any(String)]] });
  expect(await client.ask({ id: 2, sql: euros(360_000) })).toMatchObject({ id: 2, error });
  expect(await client.ask({ id: 3, subscribe: { sql: euros(360_000) } })).toMatchObject({ id: '3', error });
  const sql = (length: number) => `SELECT '${'€'.repeat(length)}'`;
  expect(await client.ask({ id: 4, sql: sql(30_000) })).toMatchObject({
    id: 4,
    rows: [[expect.any(String)]],
  });
  client.say({ id: 5, sql: sql(349_000) });
  expect(await client.take()).toMatchObject({ id: 5, error });
  client.say({ id: 6, sql: sql(360_000) });
  expect(await client.take()).toMatchObject({
    id: null,
    error: { ...error, limit: { name: 'bytes of message', value: 1_048_576 } },
  });
});

test('a client that does not acknowledge gets eight messages, and the rest when it does', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  await client.ask({ id: 1, subscribe: { changes: { tables: ['items'] } } });
  for (let i = 0; i < 12; i++) await write(stub, `INSERT INTO items (name) VALUES ('${i}')`);
  const got: Message[] = [];
  while (got.length < 8) got.push(await client.take());
  expect(await client.ask({ id: 2, sql: 'SELECT 1' })).toMatchObject({ id: 2 });
  client.say({ id: 1, ack: got.at(-1).to });
  const names = () => got.flatMap(({ events }) => events.map((event: Message) => event.after.name));
  while (names().length < 12) got.push(await client.take());
  expect(names()).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`));
});

test('rights hold on a socket, and end with the token', async () => {
  const stub = fresh();
  const reader = await Client.open(stub, { access: 'read', tables: ['items'] });
  expect(await reader.ask({ id: 1, sql: 'DELETE FROM items' })).toMatchObject({
    error: { code: 'READ_ONLY' },
  });
  await write(stub, 'CREATE TABLE wages (amount)');
  expect(await reader.ask({ id: 2, sql: 'SELECT * FROM wages' })).toMatchObject({
    error: { code: 'NOT_AUTHORIZED' },
  });
  expect(await reader.ask({ id: 3, subscribe: { changes: { tables: ['wages'] } } })).toMatchObject({
    error: { code: 'NOT_AUTHORIZED' },
  });
  expect(await reader.ask({ id: 4, subscribe: { changes: {} } })).toMatchObject({ type: 'ready' });
  const all = { tables: ['Items'], ops: ['insert', 'message'] };
  expect(await reader.ask({ id: 5, subscribe: { changes: all } })).toMatchObject({ type: 'ready' });
  expect(await reader.ask({ id: 6, subscribe: { changes: { tables: 5 } } })).toMatchObject({
    error: { code: 'NOT_AUTHORIZED' },
  });
  await write(stub, 'INSERT INTO wages VALUES (1)');
  // A message belongs to no table.
  await runInDurableObject(stub, async (object) => {
    const { log } = await object.database;
    log.emit('wages', { amount: 1 });
  });
  await write(stub, "INSERT INTO items (name) VALUES ('a')");
  for (let i = 0; i < 2; i++)
    expect(await reader.take()).toMatchObject({ events: [{ table: 'items', op: 'insert' }] });
  const brief = await Client.open(stub, { expiresIn: 60 });
  const pushed = await Client.open(stub, { expiresIn: 60 });
  await pushed.ask({ id: 1, subscribe: { sql: 'SELECT count(*) FROM items' } });
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 61_000);
  brief.say({ id: 1, sql: 'SELECT 1' });
  expect((await brief.closed).code).toBe(4401);
  await write(stub, "INSERT INTO items (name) VALUES ('b')");
  expect((await pushed.closed).code).toBe(4401);
  clock.mockRestore();
  const wrong = await stub.fetch('https://object.example/ws', {
    headers: { upgrade: 'websocket', 'sec-websocket-protocol': 'dosql, bearer.wrong' },
  });
  expect(wrong.status).toBe(401);
  const plain = await stub.fetch('https://object.example/ws', {
    headers: {
      authorization: `Bearer ${await issueToken(SECRET, { database: 'tenant-a', access: 'read' })}`,
    },
  });
  expect(plain.status).toBe(400);
});

test('a close is answered, and a live query that outgrows a message ends', async () => {
  const stub = fresh();
  const client = await Client.open(stub);
  const sql = 'SELECT name FROM items';
  expect(await client.ask({ id: 1, subscribe: { sql } })).toMatchObject({ version: 1, rows: [] });
  client.say({ id: 1, ack: 1 });
  await client.ask({ id: 2, sql: 'SELECT 1' });
  await write(stub, 'INSERT INTO items (name) VALUES (hex(zeroblob(600000)))');
  expect(await client.take()).toMatchObject({ id: '1', error: { code: 'LIMIT_EXCEEDED' } });
  await write(stub, "UPDATE items SET name = 'short'");
  client.say({ id: 1, ack: 2 });
  expect(await client.ask({ id: 3, sql: 'SELECT 1' })).toMatchObject({ id: 3 });
  expect(await client.ask({ id: 1, subscribe: { sql } })).toMatchObject({ version: 1, rows: [['short']] });
  client.socket.close(1000, 'done');
  expect(await client.closed).toMatchObject({ wasClean: true });
});
