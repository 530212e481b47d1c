import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { type TailOptions, tailMessage } from '../../../src/cdc/index.ts';
import { Client, type Stub } from './tail-client.ts';
import type { TailObject } from './tail-object.ts';

const fresh = (): Stub => env.TAILS.get(env.TAILS.newUniqueId());
const fill = (from: number, to: number) =>
  `WITH n(i) AS (VALUES(${from}) UNION ALL SELECT i+1 FROM n WHERE i<${to}) INSERT INTO items (id, qty) SELECT i, i FROM n`;

/** The present rows, as a client's replica has them. */
const present = (stub: Stub) =>
  runInDurableObject(stub, async (object: TailObject) => {
    const db = await object.database();
    const { rows } = await db.query('SELECT * FROM items');
    return new Map<string, unknown>(rows.map((row) => [`items {"id":${row['id']}}`, row]));
  });

const complete = (client: Client) => client.messages.some(({ done }) => done);

describe('a tail with a snapshot', () => {
  it('gives every row once and then the changes, while others write and the object hibernates', async () => {
    const stub = fresh();
    await stub.write(fill(1, 300), 'CREATE TABLE empty (id INTEGER PRIMARY KEY)');
    const options: TailOptions = { snapshot: true, limit: 20, window: 2, tables: ['items', 'empty'] };
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect(stub, options)));
    const lives = new Set<string>();
    for (let round = 0; round < 8; round++) {
      const { born } = await stub.write(
        `UPDATE items SET qty = qty + 1 WHERE id % 8 = ${round}`,
        `DELETE FROM items WHERE id = ${round * 30 + 1}`,
        `UPDATE items SET id = id + 1000 WHERE id = ${round * 30 + 2}`,
        fill(2000 + round * 10, 2005 + round * 10),
      );
      lives.add(born);
      const some = 3 * (round + 1);
      await Promise.all(clients.map((client) => client.until(() => client.messages.length > some)));
      await evictDurableObject(stub, { webSockets: 'hibernate' });
    }
    const head = await stub.write("INSERT INTO items (sku) VALUES ('last')");
    expect(lives.size).toBe(8);
    for (const client of clients) {
      await client.upTo(head.lsn);
      const types = client.messages.map(({ type }) => type);
      expect(types.lastIndexOf('snapshot')).toBe(types.filter((type) => type === 'snapshot').length);
      expect(client.messages.filter(({ type }) => type === 'snapshot').length).toBeGreaterThan(10);
      expect(client.replica).toEqual(await present(stub));
    }
  });

  it('goes on for a client that comes back with the last position it had', async () => {
    const stub = fresh();
    await stub.write(fill(1, 100));
    const first = await Client.connect(stub, { snapshot: true, limit: 7 }, false);
    await first.until(() => first.messages.length > 3);
    first.socket.close();
    const head = await stub.write('UPDATE items SET qty = 0 WHERE id > 50');
    const second = await Client.connect(stub, { since: first.at, limit: 7, snapshot: true });
    second.replica = first.replica;
    await second.until(() => complete(second));
    await second.upTo(head.lsn);
    expect(second.replica).toEqual(await present(stub));
    expect(second.messages.flatMap(({ type, events }) => (type === 'snapshot' ? events : [])).length).toBe(
      100 - first.messages.flatMap(({ events }) => events ?? []).length,
    );
  });

  it('gives a reader that does not answer no more rows than its window, and large rows few at a time', async () => {
    const stub = fresh();
    await stub.write(fill(1, 100), 'UPDATE items SET sku = hex(zeroblob(50000))');
    const client = await Client.connect(stub, { snapshot: true, window: 2 }, false);
    await client.until(() => client.messages.length === 3);
    await stub.write();
    expect(client.messages.length).toBe(3);
    client.acking = true;
    client.say({ type: 'ack', at: client.at });
    await client.until(() => complete(client));
    expect(client.replica.size).toBe(100);
    for (const message of client.messages) expect(JSON.stringify(message).length).toBeLessThan(1_000_000);
  });

  it('goes on behind a row that no message can hold, where the client says so', async () => {
    const stub = fresh();
    await stub.write(fill(1, 5), 'UPDATE items SET sku = hex(zeroblob(600000)) WHERE id = 3');
    const client = await Client.connect(stub, { snapshot: true, limit: 1 });
    await client.until(() => client.messages.some(({ type }) => type === 'resync'));
    const { reason, at } = client.messages.find(({ type }) => type === 'resync')!;
    expect(reason).toBe('too large');
    client.say({ type: 'subscribe', since: at });
    await client.until(() => complete(client));
    const rows = client.messages.flatMap(({ type, events }) => (type === 'snapshot' ? events : []));
    expect(rows.map(({ after }) => after['id'])).toEqual([1, 2, 4, 5]);
  });

  it('begins anew when the client asks for it, and with the history it needs gone tells it to resync', async () => {
    const stub = fresh();
    await stub.write(fill(1, 60));
    const client = await Client.connect(stub, { snapshot: true, limit: 10, window: 1 }, false);
    await client.until(() => client.messages.length === 2);
    await stub.write('UPDATE items SET qty = 1');
    await runInDurableObject(stub, async (object: TailObject) => {
      await (await object.database()).log.prune({ before: Infinity });
    });
    client.say({ type: 'ack', at: client.at });
    await client.until(() => client.messages.at(-1)!.type === 'resync');
    expect(client.messages.at(-1)).toMatchObject({ reason: 'gone' });
    client.acking = true;
    client.replica.clear();
    client.say({ type: 'subscribe', since: null });
    await client.until(() => complete(client));
    expect(client.replica).toEqual(await present(stub));
  });

  it('shows no table that it was not opened for, whatever position a client sends', async () => {
    const stub = fresh();
    const { epoch, lsn } = await stub.write(
      'CREATE TABLE secret (id INTEGER PRIMARY KEY)',
      'INSERT INTO secret VALUES (7)',
      fill(1, 3),
    );
    for (const cursor of ['[0,0]', '[0,2,[0]]', '[0,3,[1,2,3]]', '[0,1,["x"]]']) {
      const client = await Client.connect(stub, { tables: ['items'] });
      const closed = new Promise<'closed'>((resolve) =>
        client.socket.addEventListener('close', () => resolve('closed')),
      );
      client.say({ type: 'subscribe', since: `${epoch}.${lsn}.${cursor}` });
      await Promise.race([client.until(() => complete(client)), closed]);
      expect(client.messages.flatMap(({ events }) => events ?? []).map(({ table }) => table)).not.toContain(
        'secret',
      );
    }
    for (const cursor of ['[0]', '[0,1,2]', '["a",1]', '[']) {
      const client = await Client.connect(stub, { tables: ['items'] });
      await runInDurableObject(stub, async (object: TailObject, ctx) => {
        const since = `${epoch}.${lsn}.${cursor}`;
        const said = JSON.stringify({ type: 'subscribe', since });
        await expect(
          tailMessage(await object.database(), ctx.getWebSockets()[0]!, said),
        ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      });
      client.socket.close();
    }
  });
});
