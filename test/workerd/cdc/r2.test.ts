import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { type CdcEvent, createCDC, type Delivery, eventFrom, r2Sink } from '../../../src/cdc/index.ts';
import { inObject } from '../object.ts';
import { opened } from './opened.ts';
import { sinkContract, type Target } from './sink-contract.ts';

async function objects(prefix: string) {
  const { objects } = await env.BUCKET.list({ prefix });
  const out: { key: string; events: CdcEvent[] }[] = [];
  for (const { key } of objects) {
    const text = await (await env.BUCKET.get(key))!.text();
    const lines = text.split('\n').filter(Boolean);
    out.push({ key: key.slice(prefix.length), events: lines.map((line) => eventFrom(JSON.parse(line))) });
  }
  return out;
}

sinkContract('r2Sink', (prefix) => {
  const fault: Target['fault'] = { step: () => {} };
  const bucket = {
    head: (key: string) => env.BUCKET.head(key),
    async put(key: string, body: string, options: R2PutOptions) {
      fault.step('before');
      const put = await env.BUCKET.put(key, body, options);
      fault.step('after');
      return put;
    },
  } as unknown as R2Bucket;
  return {
    sink: r2Sink(bucket, { prefix }),
    fault,
    received: async () => (await objects(prefix)).flatMap(({ events }) => events),
  };
});

describe('r2Sink', () => {
  it('writes contiguous names in log order, one line per event', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      const cdc = createCDC(db, { tables: ['items'], sinks: [r2Sink(env.BUCKET, { prefix, limit: 10 })] });
      await db.run('CREATE TABLE quiet (id INTEGER PRIMARY KEY)');
      for (let i = 0; i < 8; i++) await db.run("INSERT INTO items (sku) VALUES ('a')");
      for (let i = 0; i < 45; i++) await db.run('INSERT INTO quiet VALUES (?)', [i]);
      await cdc.flush();
      await db.run('DELETE FROM items WHERE id = 1');
      await cdc.flush();
      const found = await objects(prefix);
      const ranges = found.map(({ key }) =>
        /^\/([0-9a-f]{8})\/(\d{16})-(\d{16})\.ndjson$/.exec(key)!.slice(1),
      );
      expect(new Set(ranges.map(([epoch]) => epoch))).toEqual(new Set([db.log.head().epoch]));
      for (const [i, [, from]] of ranges.entries())
        expect(Number(from)).toBe(i ? Number(ranges[i - 1]![2]) : 0);
      expect(Number(ranges.at(-1)![2])).toBe(db.log.head().lsn);
      const events = found.flatMap(({ events }) => events).filter(({ op }) => op !== 'schema');
      expect(events.map(({ op }) => op)).toEqual([...Array(8).fill('insert'), 'delete']);
      expect(events.at(-1)!.before).toEqual({ id: 1, sku: 'a', qty: null });
    }));

  it('writes nothing for a short range that the filters left nothing of', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      const cdc = createCDC(db, {
        ...{ from: 'now', ops: ['delete'] },
        sinks: [r2Sink(env.BUCKET, { prefix })],
      });
      await cdc.flush();
      await db.run("INSERT INTO items (sku) VALUES ('a')");
      expect(await cdc.flush()).toEqual([{ sink: 'r2', deliveries: 0, events: 0, done: true }]);
      await db.run('DELETE FROM items');
      await cdc.flush();
      const [only, ...more] = await objects(prefix);
      expect(more).toEqual([]);
      expect(only!.events.map(({ op }) => op)).toEqual(['delete']);
    }));

  it('finishes what was announced when the filters changed meanwhile, and goes on', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      const failing = { ...r2Sink(env.BUCKET, { prefix }), deliver: () => Promise.reject(new Error('down')) };
      await expect(createCDC(db, { sinks: [failing] }).flush()).rejects.toMatchObject({
        code: 'SINK_FAILED',
      });
      await db.run("INSERT INTO items (sku) VALUES ('a')");
      const cdc = createCDC(db, { ops: ['insert'], sinks: [r2Sink(env.BUCKET, { prefix })] });
      await cdc.flush();
      const found = await objects(prefix);
      expect(found.map(({ events }) => events.map(({ op }) => op))).toEqual([[], ['insert']]);
      expect((await cdc.status())[0]!.lag).toBe(0);
    }));

  it('leaves no gap in the parts of a snapshot whose rows are filtered', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      for (let i = 0; i < 30; i++) await db.run("INSERT INTO items (sku) VALUES ('a')");
      const where = ({ key }: CdcEvent) => Number(key['id']) % 10 === 5 && Number(key['id']) > 10;
      const sink = r2Sink(env.BUCKET, { prefix, limit: 10 });
      // Each part is put, its answer lost, and put again by a new life.
      for (let life = 0; life < 3; life++) {
        const deliver = async (delivery: Delivery) => {
          await sink.deliver(delivery);
          if (delivery.part === life + 1) throw new Error('the answer was lost');
        };
        const cdc = createCDC(db, { from: 'snapshot', where, sinks: [{ ...sink, deliver }] });
        await expect(cdc.flush()).rejects.toMatchObject({ code: 'SINK_FAILED' });
      }
      await createCDC(db, { from: 'snapshot', where, sinks: [sink] }).flush();
      const found = await objects(prefix);
      expect(found.map(({ key }) => key.slice(-'000001.ndjson'.length))).toEqual([
        '000001.ndjson',
        '000002.ndjson',
        '000003.ndjson',
      ]);
      expect(found.map(({ events }) => events.map(({ key }) => key['id']))).toEqual([[], [15], [25]]);
    }));

  it('refuses a key that another object wrote', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      const { epoch, lsn } = db.log.head();
      const name = `${prefix}/${epoch}/${'0'.repeat(16)}-${String(lsn).padStart(16, '0')}.ndjson`;
      await env.BUCKET.put(name, 'theirs');
      const cdc = createCDC(db, { sinks: [r2Sink(env.BUCKET, { prefix })] });
      await expect(cdc.flush()).rejects.toMatchObject({ code: 'SINK_CONFLICT' });
      expect((await cdc.status())[0]).toMatchObject({ consumer: 'cdc/r2', lag: lsn });
    }));

  it('writes a part of a snapshot once, however many rows a new life would take for it', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      for (let i = 0; i < 100; i++) await db.run("INSERT INTO items (sku) VALUES ('a')");
      let puts = 0;
      const bucket = {
        head: (key: string) => env.BUCKET.head(key),
        async put(key: string, body: string, options: R2PutOptions) {
          const put = await env.BUCKET.put(key, body, options);
          if (++puts === 2) throw new Error('the answer was lost');
          return put;
        },
      } as unknown as R2Bucket;
      const life = () => createCDC(db, { from: 'snapshot', sinks: [r2Sink(bucket, { prefix })] });
      await expect(life().flush()).rejects.toMatchObject({ code: 'SINK_FAILED' });
      await life().flush();
      const parts = await objects(prefix);
      expect(parts.map(({ key }) => Number(/-(\d{6})\.ndjson$/.exec(key)![1]))).toEqual(
        parts.map((_, i) => i + 1),
      );
      const ids = parts.flatMap(({ events }) => events.map(({ key }) => key['id']));
      expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      expect(new Set(parts.flatMap(({ events }) => events.map(({ id }) => id))).size).toBe(100);
    }));

  it('drains with db.flush(), and is not sent twice by flushes at once', () =>
    inObject(async (storage) => {
      const prefix = crypto.randomUUID();
      const db = await opened(storage);
      const cdc = createCDC(db, { sinks: [r2Sink(env.BUCKET, { prefix })] });
      await cdc.emit('hello');
      await Promise.all([
        db.flush(),
        cdc.flush(),
        db.run("INSERT INTO items (sku) VALUES ('a')"),
        cdc.flush(),
      ]);
      await db.flush();
      const lsns = (await objects(prefix)).flatMap(({ events }) => events.map(({ lsn }) => lsn));
      expect(new Set(lsns).size).toBe(lsns.length);
      expect(lsns.at(-1)).toBe(db.log.head().lsn);
    }));
});
