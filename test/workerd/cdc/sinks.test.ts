import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import {
  type CdcEvent,
  createCDC,
  type Delivery,
  eventFrom,
  queueSink,
  rpcSink,
  toDebezium,
  webhookSink,
} from '../../../src/cdc/index.ts';
import { inObject } from '../object.ts';
import { opened } from './opened.ts';
import { sinkContract, type Target } from './sink-contract.ts';

interface Seen {
  lsn: number;
  op: string;
  id: string;
}

/** What targets hold; it outlives the objects. */
const held = new Map<string, Seen[]>();

function keep(target: string, events: readonly Seen[]): void {
  const all = held.get(target) ?? [];
  held.set(target, all);
  for (const event of events) if (!all.some(({ id }) => id === event.id)) all.push(event);
}

function faulty(target: string, make: (step: (side: 'before' | 'after') => void) => Target['sink']): Target {
  const fault: Target['fault'] = { step: () => {} };
  return { sink: make((side) => fault.step(side)), fault, received: async () => held.get(target) ?? [] };
}

sinkContract('rpcSink', (target) =>
  faulty(target, (step) =>
    rpcSink(async (delivery) => {
      step('before');
      keep(target, delivery.events);
      step('after');
    }),
  ),
);

sinkContract('queueSink', (target) =>
  faulty(target, (step) =>
    queueSink({
      async sendBatch(messages: MessageSendRequest<Seen>[]) {
        step('before');
        keep(
          target,
          messages.map(({ body }) => body),
        );
        step('after');
      },
    } as unknown as Queue),
  ),
);

const hook = { url: 'https://hooks.example.com/changes', allow: ['hooks.example.com'], backoffMs: 1 };

sinkContract('webhookSink', (target) =>
  faulty(target, (step) =>
    webhookSink({
      ...hook,
      attempts: 1,
      async fetch(_url, init) {
        step('before');
        keep(target, (JSON.parse(init.body as string) as { events: Seen[] }).events);
        step('after');
        return new Response();
      },
    }),
  ),
);

const events = (n: number, size: number): CdcEvent[] =>
  Array.from({ length: n }, (_, i) => ({
    ...{ id: `e.${i}`, lsn: i, ts: 0, tx: { id: 'e.1', index: i, total: n }, op: 'insert', table: 't' },
    ...{ key: { id: i }, before: null, after: { id: i, body: 'é'.repeat(size / 2) }, schemaVersion: 0 },
  }));
const delivery = (events: CdcEvent[]): Delivery => ({
  ...{ id: 'cdc/x/e.0-9', database: 'd', writer: 'w', consumer: 'cdc/x', epoch: 'e', from: 0, to: 9, events },
});

describe('queueSink', () => {
  it('keeps to 100 messages and 256,000 bytes per batch', async () => {
    const batches: string[] = [];
    const queue = {
      sendBatch: async (messages: MessageSendRequest[]) => {
        expect(messages.length).toBeLessThanOrEqual(100);
        batches.push(JSON.stringify(messages));
      },
    } as unknown as Queue;
    await queueSink(queue).deliver(delivery(events(250, 20)));
    expect(batches.length).toBe(3);
    await queueSink(queue).deliver(delivery(events(20, 60_000)));
    for (const text of batches) expect(new TextEncoder().encode(text).length).toBeLessThan(256_000);
    const sent = batches.flatMap((text) => JSON.parse(text) as { body: Seen & { writer: string } }[]);
    expect(sent.length).toBe(270);
    expect(sent[0]!.body).toMatchObject({ writer: 'w', database: 'd', id: 'e.0', after: { id: 0 } });
  });

  it('makes batches that a queue takes', async () => {
    const sink = queueSink(env.QUEUE);
    await sink.deliver(delivery([...events(201, 20), ...events(5, 126_000)]));
  });

  it('names the event that no message can hold, or sends what it is given instead', async () => {
    const sent: unknown[] = [];
    const queue = {
      sendBatch: async (all: MessageSendRequest[]) => void sent.push(...all.map(({ body }) => body)),
    };
    const large = delivery(events(1, 200_000));
    await expect(queueSink(queue as unknown as Queue).deliver(large)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      table: 't',
    });
    await queueSink(queue as unknown as Queue, { oversize: ({ id }) => ({ see: id }) }).deliver(large);
    expect(sent).toEqual([{ see: 'e.0' }]);
  });
});

describe('webhookSink', () => {
  it.each([
    ['http://hooks.example.com/', ['hooks.example.com']],
    ['https://hooks.example.com.evil.net/', ['hooks.example.com', '*.example.com']],
    ['https://evil-example.com/', ['*.example.com']],
    ['https://user:pass@hooks.example.com/', ['hooks.example.com']],
    ['https://169.254.169.254/', ['*.example.com']],
    ['https://hooks.example.com/', []],
    ['not a url', ['hooks.example.com']],
  ])('does not call %s when %j is allowed', (url, allow) => {
    expect(() => webhookSink({ url, allow })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('tries again what may pass, with the same idempotency key, and nothing else', async () => {
    const answers: (number | Error)[] = [503, new Error('reset'), 429, 200];
    const keys: string[] = [];
    const sink = webhookSink({
      ...hook,
      headers: (body, id) => ({ 'x-length': `${body.length}`, 'x-id': id }),
      async fetch(url, init) {
        const headers = new Headers(init.headers);
        expect(url).toBe(hook.url);
        expect(init.redirect).toBe('manual');
        expect(headers.get('x-length')).toBe(`${(init.body as string).length}`);
        keys.push(headers.get('idempotency-key')!);
        const answer = answers.shift()!;
        if (typeof answer !== 'number') throw answer;
        return new Response(null, { status: answer });
      },
    });
    await sink.deliver(delivery(events(2, 10)));
    expect(keys).toEqual(Array(4).fill('cdc/x/e.0-9'));
    for (const status of [400, 302, 500]) {
      answers.splice(0, Infinity, ...Array<number>(9).fill(status));
      await expect(sink.deliver(delivery(events(2, 10)))).rejects.toMatchObject({ code: 'SINK_FAILED' });
      expect(answers.length).toBe(status === 500 ? 5 : 8);
    }
  });

  it('has one value for each header, however its name is written', async () => {
    const sent: unknown[] = [];
    const sink = webhookSink({
      ...hook,
      headers: { 'Content-Type': 'application/vnd.events+json', 'Idempotency-Key': 'mine' },
      async fetch(_, init) {
        sent.push(Object.fromEntries(new Headers(init.headers)));
        return new Response();
      },
    });
    await sink.deliver(delivery(events(1, 10)));
    expect(sent).toEqual([
      { 'content-type': 'application/vnd.events+json', 'idempotency-key': 'cdc/x/e.0-9' },
    ]);
  });

  it('gives up an attempt that takes too long', async () => {
    const sink = webhookSink({
      ...hook,
      timeoutMs: 5,
      attempts: 2,
      fetch: (_, { signal }) =>
        new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason))),
    });
    await expect(sink.deliver(delivery([]))).rejects.toMatchObject({ code: 'SINK_FAILED' });
  });
});

describe('sinks of one feed', () => {
  it('have positions of their own: one that fails does not hold up the other', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const good: unknown[] = [];
      let broken = true;
      const late: unknown[] = [];
      const cdc = createCDC(db, {
        from: 'now',
        maxLag: 2,
        sinks: [
          rpcSink(
            async ({ events }) => {
              if (broken) throw new TypeError('down');
              late.push(...events.map(({ key }) => key['id']));
            },
            { name: 'bad' },
          ),
          rpcSink(async ({ events }) => void good.push(...events.map(({ key }) => key['id'])), {
            name: 'good',
          }),
        ],
      });
      await cdc.flush();
      for (let id = 1; id <= 3; id++) {
        await db.run('INSERT INTO items (id) VALUES (?)', [id]);
        await expect(cdc.flush()).rejects.toMatchObject({
          code: 'SINK_FAILED',
          message: expect.stringContaining('bad'),
          cause: expect.any(TypeError),
        });
      }
      expect(good).toEqual([1, 2, 3]);
      expect(await cdc.status()).toMatchObject([
        { consumer: 'cdc/bad', lag: 3, lagging: true },
        { consumer: 'cdc/good', lag: 0, lagging: false },
      ]);
      broken = false;
      await cdc.flush();
      expect(late).toEqual([1, 2, 3]);
    }));
});

describe('flushes at once', () => {
  it('of one consumer deliver ranges that do not overlap', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const ranges: number[][] = [];
      const sinks = [rpcSink(async ({ from, to }) => void ranges.push([from, to]))];
      const cdcs = [createCDC(db, { sinks }), createCDC(() => db, { sinks })];
      for (let steps = 0; steps < 40; steps++) {
        const late = async () => {
          for (let i = 0; i < steps; i++) await null;
          await db.run("INSERT INTO items (sku) VALUES ('late')");
        };
        await db.run("INSERT INTO items (sku) VALUES ('a')");
        await Promise.all([...cdcs.map((cdc) => cdc.flush()), late()]);
      }
      await cdcs[0]!.flush();
      let at = 0;
      for (const [from, to] of ranges) {
        expect(from).toBe(at);
        at = to!;
      }
      expect(at).toBe(db.log.head().lsn);
    }));
});

describe('toDebezium', () => {
  it('takes a column called rowid for no key', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { from: 'now' });
      await cdc.drain();
      await db.run('CREATE TABLE loose (rowid TEXT)');
      await db.run("INSERT INTO loose VALUES ('a')");
      await db.run("UPDATE loose SET rowid = 'b'");
      const records = (await cdc.drain()).flatMap((event) => toDebezium(event));
      expect(records.map(({ key, value }) => [key, value!['op'], value!['after']])).toEqual([
        [{ rowid: 1 }, 'c', { rowid: 'a' }],
        [{ rowid: 1 }, 'u', { rowid: 'b' }],
      ]);
    }));

  it('gives the envelope of each kind of event', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { from: 'now' });
      await cdc.drain();
      await db.batch([
        "INSERT INTO items VALUES (1, 'a', 9007199254740993)",
        "UPDATE items SET sku = 'b'",
        'UPDATE items SET id = 2',
        'DELETE FROM items',
      ]);
      await cdc.emit('hello', { a: 1 });
      const records = (await cdc.drain()).flatMap((event) => toDebezium(event, { name: 'shop' }));
      const short = records.map(({ key, value }) => [
        key,
        value?.['op'],
        value?.['before'],
        value?.['after'],
      ]);
      const row = (id: number, sku: string) => ({ id, sku, qty: '9007199254740993' });
      expect(short).toEqual([
        [{ id: 1 }, 'c', null, row(1, 'a')],
        [{ id: 1 }, 'u', row(1, 'a'), row(1, 'b')],
        [{ id: 1 }, 'd', row(1, 'b'), null],
        [{ id: 1 }, undefined, undefined, undefined],
        [{ id: 2 }, 'c', null, row(2, 'b')],
        [{ id: 2 }, 'd', row(2, 'b'), null],
        [{ id: 2 }, undefined, undefined, undefined],
        [null, 'm', undefined, undefined],
      ]);
      expect(records[1]!.value).toMatchObject({
        source: { connector: 'dosql', db: 'shop', table: 'items', snapshot: 'false' },
        transaction: { total_order: 2 },
      });
      const { message } = records.at(-1)!.value as { message: { prefix: string; content: string } };
      expect([message.prefix, atob(message.content)]).toEqual(['hello', '{"a":1}']);
      expect(JSON.parse(JSON.stringify(records))).toEqual(records);
      expect(eventFrom(JSON.parse(JSON.stringify(await cdc.drain()))[0]).after!['qty']).toBe(
        9007199254740993n,
      );
    }));
});
