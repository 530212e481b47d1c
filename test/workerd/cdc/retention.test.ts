import { describe, expect, it } from 'vitest';
import { type Batch, createCDC, type Sink } from '../../../src/cdc/index.ts';
import { inObject } from '../object.ts';
import { type Opened, opened } from './opened.ts';

const fill = (db: Opened, n: number) =>
  db.run(
    'WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<?) INSERT INTO items (qty) SELECT i FROM n',
    [n],
  );

/** Once to set the present segment aside, once to drop it. */
async function maintain(db: Opened) {
  await db.maintenance({ budgetMs: 1000 });
  const { extensions } = await db.maintenance({ budgetMs: 1000 });
  return extensions['log'] as { pruned: number; horizon: { lsn: number } };
}

describe('retention', () => {
  it('keeps what a consumer has not acknowledged, and drops it when it has', () =>
    inObject(async (storage) => {
      const db = await opened(storage, { retain: 0 });
      const cdc = createCDC(db, { from: 'now' });
      await cdc.drain();
      const start = db.log.head().lsn;
      await fill(db, 300);
      await maintain(db);
      await fill(db, 300);
      await maintain(db);
      expect((await cdc.drain({ limit: 10_000 })).filter(({ op }) => op === 'insert').length).toBe(600);
      expect(db.log.stats().horizon.lsn).toBeLessThanOrEqual(start + 1);
      await cdc.ack();
      const before = db.log.stats().entries;
      await maintain(db);
      expect(db.log.stats().entries).toBeLessThan(before / 10);
      await fill(db, 1);
      expect((await cdc.drain()).map(({ op }) => op)).toEqual(['insert']);
    }));

  it('keeps what the rest of a snapshot needs', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 3);
      const cdc = createCDC(db, { from: 'snapshot' });
      const seen: unknown[] = [];
      while (seen.length < 4) {
        seen.push(...(await cdc.drain({ limit: 1 })).map(({ op, after }) => `${op} ${after!['qty']}`));
        await cdc.ack();
        await db.log.prune({ before: Infinity });
        if (seen.length === 1) await db.run('UPDATE items SET qty = 13 WHERE id = 3');
      }
      expect(db.log.stats().horizon.lsn).toBeGreaterThan(1);
      expect(seen).toEqual(['snapshot 1', 'snapshot 2', 'snapshot 3', 'update 13']);
    }));

  it('forgets a snapshot with its consumer', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 3);
      const cdc = createCDC(db, { consumer: 'search', from: 'snapshot' });
      await cdc.drain({ limit: 1 });
      await cdc.ack();
      await (await db.log.consumer('search')).delete();
      expect(await createCDC(db, { consumer: 'search', from: 'now' }).drain()).toEqual([]);
    }));

  it('expires a consumer that lags too far where it says so, and starts it over with a snapshot', () =>
    inObject(async (storage) => {
      const db = await opened(storage, { retain: 0 });
      const options = { from: 'snapshot', maxLag: 100, onLag: 'expire' } as const;
      const cdc = createCDC(db, options);
      while ((await cdc.drain()).length) await cdc.ack();
      await fill(db, 150);
      expect(await cdc.status()).toMatchObject([{ consumer: 'cdc', lagging: true, expired: false }]);
      await maintain(db);
      await fill(db, 150);
      await maintain(db);
      expect(await cdc.status()).toMatchObject([{ lagging: true, expired: true }]);
      await expect(cdc.drain()).rejects.toMatchObject({ code: 'CONSUMER_EXPIRED' });
      await cdc.reset();
      const rows: unknown[] = [];
      for (;;) {
        const batch = await cdc.drain({ limit: 64 });
        rows.push(...batch.map(({ op, after }) => (op === 'snapshot' ? after!['id'] : op)));
        await cdc.ack();
        if (batch.done) break;
      }
      expect(rows).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    }));

  it('expires every consumer when the log has a new life', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db);
      const batch = await cdc.drain();
      await db.log.renewEpoch();
      await expect(cdc.drain()).rejects.toMatchObject({ code: 'CONSUMER_EXPIRED' });
      await batch.ack();
      await expect(cdc.drain()).rejects.toMatchObject({ code: 'CONSUMER_EXPIRED' });
      await cdc.reset({ from: 'start' });
      await batch.ack();
      const again = await cdc.drain();
      expect(again.epoch).toBe(db.log.head().epoch);
      expect(again.length).toBe(batch.length);
    }));
});

describe('a reset', () => {
  it('makes no consumer for a sink that is not there', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { sinks: [{ name: 'mine', deliver: async () => {} }] });
      await cdc.flush();
      await expect(cdc.reset({ from: 'start', sink: 'mein' })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'There is no sink "mein".',
      });
      expect((await cdc.status()).map(({ consumer }) => consumer)).toEqual(['cdc/mine']);
    }));
});

describe('a consumer that is forgotten', () => {
  it('holds nothing any more, and begins anew when it is used again', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 30);
      const cdc = createCDC(db, { from: 'snapshot' });
      await (await cdc.drain({ limit: 10 })).ack();
      await cdc.forget();
      expect(await cdc.status()).toEqual([]);
      expect((await db.query('SELECT k FROM _dosql_meta')).rows.map(({ k }) => k)).not.toContain(
        'snapshot:cdc',
      );
      const batch = await cdc.drain({ limit: 10 });
      expect([batch.part, batch[0]!.key, batch.length]).toEqual([1, { id: 1 }, 10]);
    }));
});

describe('a consumer that is set back', () => {
  it('stays there when a batch from before is acknowledged', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 5);
      const cdc = createCDC(db, { from: 'now', tables: ['items'] });
      await cdc.reset({ from: 'start' });
      await (await cdc.drain({ limit: 2 })).ack();
      const batch = await cdc.drain({ limit: 2 });
      await cdc.reset({ from: 'start' });
      await batch.ack();
      expect((await cdc.drain()).from).toBe(0);
      const consumer = await db.log.consumer('other', { from: 3 });
      const drained = await consumer.drain();
      await consumer.reset('start');
      await drained.ack();
      expect((await consumer.position()).acked).toBe(0);
    }));

  it('gets the rows of its new snapshot when a part of the old one is acknowledged', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 3);
      const cdc = createCDC(db, { from: 'snapshot', tables: ['items'] });
      const part = await cdc.drain({ limit: 2 });
      await db.run('UPDATE items SET qty = 7');
      await cdc.reset({ from: 'snapshot' });
      await part.ack();
      expect((await cdc.drain()).map(({ op, after }) => `${op} ${after!['qty']}`)).toEqual(
        Array(3).fill('snapshot 7'),
      );
    }));

  it('while a sink has its delivery, delivers from there by the next flush', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 6);
      const got: string[] = [];
      const sink: Sink = {
        name: 's',
        limit: 2,
        async deliver({ from, to }) {
          got.push(`${from}-${to}`);
          if (got.length === 2) await cdc.reset({ sink: 's' });
        },
      };
      const cdc = createCDC(db, { sinks: [sink] });
      await cdc.flush();
      const { lsn } = db.log.head();
      expect(got.slice(0, 4)).toEqual(['0-1', '1-3', '0-1', '1-3']);
      expect(got.at(-1)).toMatch(new RegExp(`-${lsn}$`));
    }));
});

describe('stream', () => {
  it('gives what is there, then what is committed, and ends with its signal', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { tables: ['items'], ops: ['insert'] });
      await fill(db, 3);
      const stop = new AbortController();
      const seen: unknown[] = [];
      const reading = (async () => {
        for await (const batch of cdc.stream({ signal: stop.signal })) {
          seen.push(...batch.map(({ key }) => key['id']));
          if (seen.length === 5) stop.abort();
        }
      })();
      await fill(db, 1);
      await db.transaction(async (tx) => {
        await tx.run('INSERT INTO items (qty) VALUES (9)');
      });
      await reading;
      expect(seen).toEqual([1, 2, 3, 4, 5]);
      expect(await createCDC(db, { tables: ['items'], ops: ['insert'] }).drain()).toEqual([]);
    }));

  it('hears of the rows of a table that is dropped or comes with them', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await fill(db, 1);
      const stream = createCDC(db, { ops: ['insert', 'delete'] }).stream();
      const next = async () =>
        ((await stream.next()).value as Batch).map(({ op, table }) => `${op} ${table}`);
      expect(await next()).toEqual(['insert items']);
      const copied = next();
      await db.run('CREATE TABLE copy AS SELECT * FROM items');
      expect(await copied).toEqual(['insert copy']);
      const dropped = next();
      await db.transaction(async (tx) => {
        await tx.run('DROP TABLE items');
      });
      expect(await dropped).toEqual(['delete items']);
    }));

  it('leaves nothing behind on a signal that outlives its batches', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const stop = new AbortController();
      const { signal } = stop;
      let listening = 0;
      for (const [method, by] of [
        ['addEventListener', 1],
        ['removeEventListener', -1],
      ] as const) {
        const own = signal[method].bind(signal) as (...args: unknown[]) => void;
        signal[method] = (...args: unknown[]) => {
          listening += by;
          own(...args);
        };
      }
      const stream = createCDC(db, { tables: ['items'] }).stream({ signal, limit: 1 });
      await fill(db, 10);
      for (let i = 0; i < 10; i++) await stream.next();
      for (let i = 0; i < 10; i++) {
        const next = stream.next();
        await fill(db, 1);
        await next;
      }
      expect(listening).toBeLessThan(2);
    }));

  it('repeats the batch in which the loop was left', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { ops: ['insert'] });
      await fill(db, 3);
      for await (const batch of cdc.stream()) {
        expect(batch.length).toBe(3);
        break;
      }
      expect((await cdc.drain()).length).toBe(3);
    }));
});
