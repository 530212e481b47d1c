import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { type CdcEvent, liveTail, resumeTails, tailMessage } from '../../../src/cdc/index.ts';
import { byteLength } from '../../../src/sql/literal.ts';
import { type Opened, opened } from './opened.ts';
import { Client, lsnOf, type Stub } from './tail-client.ts';
import type { TailObject } from './tail-object.ts';

const fresh = (): Stub => env.TAILS.get(env.TAILS.newUniqueId());
const insert = "INSERT INTO items (sku) VALUES ('a')";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + 1 + i);

describe('liveTail', () => {
  it('serves a hundred sockets without gap or duplicate, with hibernation in the middle', async () => {
    const stub = fresh();
    const start = await stub.write();
    const clients = await Promise.all(Array.from({ length: 100 }, () => Client.connect(stub)));
    const lives = new Set<string>();
    let head = start;
    for (let round = 0; round < 4; round++) {
      head = await stub.write(insert, 'UPDATE items SET qty = 1', insert);
      lives.add(head.born);
      // Sometimes while messages and their answers are still on their way.
      if (round % 2) await Promise.all(clients.map((client) => client.upTo(head.lsn)));
      await evictDurableObject(stub, { webSockets: 'hibernate' });
    }
    await Promise.all(clients.map((client) => client.upTo(head.lsn)));
    expect(lives.size).toBe(4);
    for (const { lsns } of clients) expect(lsns).toEqual(range(start.lsn, head.lsn));
  });

  it('goes on for a client that comes back, and from now on for a new one', async () => {
    const stub = fresh();
    const client = await Client.connect(stub);
    const seen = await stub.write(insert, insert);
    await client.upTo(seen.lsn);
    client.socket.close();
    const head = await stub.write(insert, insert, insert);
    const back = await Client.connect(stub, { since: client.at });
    await back.upTo(head.lsn);
    expect(back.lsns).toEqual(range(seen.lsn, head.lsn));
    const late = await Client.connect(stub);
    const last = await stub.write(insert);
    await late.upTo(last.lsn);
    expect(late.lsns).toEqual([last.lsn]);
  });

  it('sends a reader that does not answer a window of messages, then tells it to resync', async () => {
    const stub = fresh();
    const slow = await Client.connect(stub, { window: 3, maxLag: 10 }, false);
    const fast = await Client.connect(stub, { window: 3, maxLag: 10 });
    let head = await stub.write();
    const start = head.lsn;
    for (let i = 0; i < 10; i++) {
      head = await stub.write(insert);
      await fast.upTo(head.lsn);
    }
    expect(slow.messages.map(({ type }) => type)).toEqual(['ready', 'changes', 'changes', 'changes']);
    for (let i = 0; i < 10; i++) {
      head = await stub.write(insert);
      await fast.upTo(head.lsn);
    }
    await slow.until(() => slow.messages.some(({ type }) => type === 'resync'));
    expect(slow.messages.length).toBe(5);
    expect(slow.messages[4]).toMatchObject({ reason: 'behind' });
    expect(fast.lsns).toEqual(range(start, head.lsn));
    const resumed = slow.at;
    slow.acking = true;
    slow.say({ type: 'subscribe', since: resumed });
    head = await stub.write(insert);
    await slow.upTo(head.lsn);
    expect(slow.lsns).toEqual(range(lsnOf(resumed), head.lsn));
  });

  it('goes on when the answers come late, and sends what is large in several messages', async () => {
    const stub = fresh();
    const start = await stub.write();
    const client = await Client.connect(stub, { window: 2, limit: 30 }, false);
    const head = await stub.write(
      'WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<500) INSERT INTO items (qty) SELECT i FROM n',
    );
    await client.until(() => client.messages.length === 3);
    await stub.write();
    expect(client.messages.length).toBe(3);
    client.acking = true;
    client.say({ type: 'ack', at: client.at });
    await client.upTo(head.lsn);
    expect(client.lsns).toEqual(range(start.lsn, head.lsn));
    expect(client.messages.length).toBeGreaterThan(500 / 30);
  });

  it('tells a client whose position is not in the log to resync', async () => {
    const stub = fresh();
    const { epoch, lsn } = await stub.write(insert);
    for (const since of [`ffffffff.${lsn}`, `${epoch}.${lsn + 5}`]) {
      const client = await Client.connect(stub, { since });
      await client.until(() => client.messages.length === 2);
      expect(client.messages[1]).toMatchObject({ type: 'resync', reason: 'gone', at: `${epoch}.${lsn}` });
    }
    await stub.write(...Array(20).fill(insert));
    await runInDurableObject(stub, async (object: TailObject) => {
      await (await object.database()).log.prune({ before: Infinity });
    });
    const client = await Client.connect(stub, { since: `${epoch}.${lsn}` });
    await client.until(() => client.messages.length === 2);
    expect(client.messages[1]).toMatchObject({ type: 'resync', reason: 'gone' });
  });

  it('does not take a reader for slow because a transaction is large', async () => {
    const stub = fresh();
    const start = await stub.write();
    const client = await Client.connect(stub, { window: 50, limit: 30, maxLag: 10 });
    const head = await stub.write(
      'WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<500) INSERT INTO items (qty) SELECT i FROM n',
    );
    await client.upTo(head.lsn);
    expect(client.lsns).toEqual(range(start.lsn, head.lsn));
  });

  it('goes on from where a client subscribes anew, also while it is being served', async () => {
    const stub = fresh();
    const start = await stub.write();
    const client = await Client.connect(stub);
    for (let steps = 0; steps < 40; steps++) {
      await client.until(() => lsnOf(client.at) >= start.lsn + steps);
      await runInDurableObject(stub, async (object: TailObject, ctx) => {
        const db = await object.database();
        const written = db.run(insert);
        for (let i = 0; i < steps; i++) await null;
        const since = `${start.epoch}.${start.lsn}`;
        await tailMessage(db, ctx.getWebSockets()[0]!, JSON.stringify({ type: 'subscribe', since }));
        await written;
      });
      const head = start.lsn + steps + 1;
      await client.until(() => client.messages.at(-1)!.type === 'changes' && lsnOf(client.at) >= head);
      const ready = client.messages.findLastIndex(({ type }) => type === 'ready');
      const events = client.messages.slice(ready).flatMap(({ events }) => events ?? []);
      expect(events.map(({ lsn }) => lsn)).toEqual(range(start.lsn, head));
    }
  });

  it.each([
    ['of three bytes each', '€'],
    ['that JSON escapes', String.fromCharCode(1)],
  ])('sends events of many characters %s in messages of at most a megabyte', async (_, char) => {
    const stub = fresh();
    const start = await stub.write();
    const rows = `INSERT INTO items (sku) SELECT value || replace(hex(zeroblob(1500)), '0', '${char}') FROM json_each('[${range(0, 200)}]')`;
    const { lsn } = await stub.write(rows);
    const client = await Client.connect(stub, { since: `${start.epoch}.${start.lsn}`, limit: 1000 });
    await client.upTo(lsn);
    expect(client.lsns).toEqual(range(start.lsn, lsn));
    const snapshot = await Client.connect(stub, { snapshot: true, limit: 1000 });
    await snapshot.until(() => snapshot.messages.at(-1)?.done === true);
    expect(snapshot.replica.size).toBe(200);
    for (const { messages } of [client, snapshot])
      expect(Math.max(...messages.map((message) => byteLength(JSON.stringify(message))))).toBeLessThan(1e6);
  });

  it('tells a client to resync behind an event that no message can hold', async () => {
    const stub = fresh();
    const client = await Client.connect(stub);
    await stub.write(
      insert,
      "INSERT INTO items (sku) VALUES (replace(hex(zeroblob(200000)),'0','€'))",
      insert,
    );
    await client.until(() => client.messages.at(-1)!.type === 'resync');
    expect(client.messages.at(-1)).toMatchObject({ reason: 'too large' });
    client.say({ type: 'subscribe', since: client.at });
    const { lsn } = await stub.write(insert);
    await client.upTo(lsn);
    expect(client.lsns).toEqual([lsn - 1, lsn]);
  });

  it('filters by table and operation, also when a client subscribes anew', async () => {
    const stub = fresh();
    await stub.write('CREATE TABLE other (id INTEGER PRIMARY KEY)');
    const client = await Client.connect(stub, { tables: ['other'], ops: ['insert'] });
    await stub.write(insert, 'INSERT INTO other VALUES (1)', 'DELETE FROM other');
    await client.until(() => client.lsns.length === 1);
    client.say({ type: 'subscribe', since: client.at, tables: ['items'] });
    await client.until(() => client.messages.at(-1)!.type === 'ready');
    await stub.write(insert, 'INSERT INTO other VALUES (2)', insert);
    await client.until(() => client.lsns.length === 1);
    const events = client.messages.flatMap(({ events }) => events ?? []);
    expect(events.map(({ op, table, after }) => [op, table, after['id']])).toEqual([
      ['insert', 'other', 1],
      ['insert', 'other', 2],
    ]);
  });

  it('gives each socket its own filter, and after hibernation nothing without it', async () => {
    const stub = fresh();
    await stub.write(insert);
    const only = (qty: number) => (event: CdcEvent) => event.after?.['qty'] === qty;
    const clients: Client[] = [];
    for (let qty = 0; qty < 2; qty++) {
      const client = await Client.connect(stub, { since: 'ffffffff.1' });
      await client.until(() => client.messages.length === 2);
      clients.push(client);
    }
    const serve = (work: (db: Opened, sockets: WebSocket[]) => Promise<void>) =>
      runInDurableObject(stub, async (_: TailObject, ctx) => {
        await work(await opened(ctx.storage), ctx.getWebSockets());
      });
    await serve(async (db, sockets) => {
      for (const [qty, socket] of sockets.entries()) {
        await liveTail(db, socket, { where: only(qty) });
        socket.serializeAttachment({ ...socket.deserializeAttachment(), qty });
      }
      for (let i = 0; i < 4; i++) await db.run('INSERT INTO items (qty) VALUES (?)', [i % 2]);
    });
    await evictDurableObject(stub, { webSockets: 'hibernate' });
    await serve(async (db, sockets) => {
      await expect(resumeTails(db, sockets)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      for (let i = 0; i < 4; i++) await db.run('INSERT INTO items (qty) VALUES (?)', [i % 2]);
      await resumeTails(db, sockets, {
        where: (socket) => only((socket.deserializeAttachment() as { qty: number }).qty),
      });
    });
    await Promise.all(clients.map((client) => client.until(() => client.lsns.length === 4)));
    const values = clients.map(({ messages }) =>
      messages.flatMap(({ events }) => (events ?? []).map(({ after }) => after['qty'])),
    );
    expect(values.sort()).toEqual([
      [0, 0, 0, 0],
      [1, 1, 1, 1],
    ]);
  });

  it('says so when its position does not fit into the attachment', async () => {
    const stub = fresh();
    const tables = Array.from({ length: 2000 }, (_, i) => `table_${i}`);
    const { webSocket } = await stub.fetch('http://object/?options={}', {
      headers: { upgrade: 'websocket' },
    });
    webSocket!.accept();
    await runInDurableObject(stub, async (object: TailObject, ctx) => {
      const [socket] = ctx.getWebSockets();
      await expect(liveTail(await object.database(), socket!, { tables })).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
      });
    });
  });

  it('ends a socket that cannot keep its position, and no other one', async () => {
    const stub = fresh();
    const clients = [await Client.connect(stub), await Client.connect(stub), await Client.connect(stub)];
    const closed = new Promise<CloseEvent>((resolve) => {
      clients[1]!.socket.addEventListener('close', resolve);
    });
    await runInDurableObject(stub, (_, ctx) => {
      const socket = ctx.getWebSockets()[1]!;
      const attachment = socket.deserializeAttachment() as object;
      const fits = (length: number) => {
        try {
          socket.serializeAttachment({ ...attachment, user: 'u'.repeat(length) });
          return true;
        } catch {
          return false;
        }
      };
      let length = 20_000;
      while (!fits(length)) length--;
    });
    const { lsn } = await stub.write(insert);
    expect((await closed).reason).toBe('LIMIT_EXCEEDED');
    for (const client of [clients[0]!, clients[2]!]) await client.upTo(lsn);
  });

  it('leaves other messages and the rest of the attachment to the user', async () => {
    const stub = fresh();
    const client = await Client.connect(stub);
    client.socket.send('hello');
    client.say({ type: 'ack', at: 'nonsense' });
    client.say({ type: 'other' });
    await client.until(() => client.messages.length === 3);
    expect(client.messages.slice(1)).toEqual([
      { type: 'echo', user: 'u1', message: 'hello' },
      { type: 'echo', user: 'u1', message: '{"type":"other"}' },
    ]);
  });
});
