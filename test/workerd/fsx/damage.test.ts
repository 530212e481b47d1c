import { env, evictDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ObjectStore } from '../../../src/fsx/index.ts';
import { kvStore, memoryStore, r2Store } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';
import { freshStub, inObject } from '../object.ts';
import { DAY, EVENTS, fill, hotRows, openTiers, POLICY, type Tiered, TOTALS } from './opened.ts';

/** Files of the database: key, size, and where their pages end. */
const files = (storage: DurableObjectStorage) =>
  [...storage.sql.exec("SELECT key,bytes,tail_at FROM _dosql_tier_seg WHERE state='active'").raw()] as [
    string,
    number,
    number,
  ][];

/** Turns one bit of an object around. */
async function damage(store: ObjectStore, key: string, at: number): Promise<void> {
  const bytes = (await store.get(key))!.slice();
  bytes[at]! ^= 1;
  await store.put(key, bytes);
}

const everything = (db: Tiered) => db.query('SELECT * FROM events ORDER BY id');

describe('bytes of the archive that were damaged', () => {
  it('are never read: a statement gets every row right or an error', () =>
    inObject(async (storage) => {
      const cold = r2Store(env.BUCKET);
      const db = await openTiers(storage, { cold, warm: undefined as never });
      await db.run(EVENTS);
      await fill(db, 1000);
      const before = (await everything(db)).rows;
      await db.maintenance();
      const [[key, , tail]] = files(storage) as [[string, number, number]];
      for (let i = 0; i < 40; i++) {
        const at = Math.floor((tail * i) / 40);
        await damage(cold, key, at);
        await expect(everything(db)).rejects.toMatchObject({
          code: 'ARCHIVE_UNAVAILABLE',
          message: expect.stringMatching(/bytes \d+ to \d+, some are damaged/),
        });
        await damage(cold, key, at);
      }
      expect((await everything(db)).rows).toEqual(before);
    }));

  it('are replaced by those of the other store, whichever it is', () =>
    inObject(async (storage) => {
      const [cold, warm] = [r2Store(env.BUCKET), kvStore(env.WARM)];
      const db = await openTiers(storage, { cold, warm, tables: [{ ...POLICY, warm: '365d' }] });
      await db.run(EVENTS);
      await fill(db, 1000);
      const before = (await everything(db)).rows;
      await db.maintenance();
      const [[key, , tail]] = files(storage) as [[string, number, number]];
      for (const store of [cold, warm]) {
        await damage(store, key, tail >> 1);
        expect((await everything(db)).rows).toEqual(before);
        await damage(store, key, tail >> 1);
      }
      await cold.delete(key);
      expect((await everything(db)).rows).toEqual(before);
    }));

  it('do not let rows go when they arrive so, with `verify`', () =>
    inObject(async (storage) => {
      const store = memoryStore();
      const cold: ObjectStore = {
        ...store,
        async put(key, bytes, options) {
          const done = await store.put(key, bytes, options);
          await damage(store, key, 100);
          return done;
        },
      };
      const db = await openTiers(storage, { cold, tables: [{ ...POLICY, verify: true }] });
      await db.run(EVENTS);
      await fill(db, 1000);
      await expect(db.maintenance()).rejects.toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
      expect(await hotRows(db)).toBe(1000);
      expect(files(storage)).toEqual([]);
    }));
});

describe('objects that nothing names', () => {
  afterEach(() => void vi.useRealTimers());

  it('stay for as long as a database may be brought back that names them, and then go', () =>
    inObject(async (storage) => {
      const cold = memoryStore();
      const db = await openTiers(storage, { cold, keepDeadFor: '30d' });
      await db.run(EVENTS);
      await fill(db, 100);
      await db.maintenance();
      const [[key]] = files(storage) as [[string, number, number]];
      const late = key.replace(/[^/]+$/, 'late.parquet');
      await cold.put(late, new Uint8Array(10));
      await cold.put('dosql/another/events/x.parquet', new Uint8Array(10));
      // Dead, for no row of it is left.
      await db.run('DELETE FROM events');
      await db.maintenance({ compact: true });
      expect(files(storage)).toEqual([]);
      const now = Date.now();
      const keys = async () => (await cold.list('dosql/')).objects.map((object) => object.key).sort();
      for (const [days, left] of [
        [2, 3],
        [29, 3],
        [31, 1],
      ] as const) {
        vi.useFakeTimers({ toFake: ['Date'], now: now + days * DAY });
        await db.maintenance();
        expect(await keys(), `after ${days} days`).toHaveLength(left);
      }
      expect(await keys()).toEqual(['dosql/another/events/x.parquet']);
    }));

  it('stay as long where a restored database takes their file for unfinished', () =>
    inObject(async (storage) => {
      const cold = memoryStore();
      const db = await openTiers(storage, { cold, keepDeadFor: '30d' });
      await db.run(EVENTS);
      await fill(db, 100);
      await db.maintenance();
      const [[key]] = files(storage) as [[string, number, number]];
      storage.sql.exec("UPDATE _dosql_tier_seg SET state='pending'");
      expect((await db.maintenance()).extensions['tiers']).toMatchObject({ recovered: 1 });
      expect((await cold.list('dosql/')).objects.map((object) => object.key)).toContain(key);
    }));
});

/** An object whose rows are archived, evicted after what else was done. */
async function archivedObject(afterwards?: (db: Tiered) => Promise<void>) {
  const stub = freshStub();
  await inObject(async (storage) => {
    const db = await openTiers(storage);
    await db.run(EVENTS);
    await fill(db, 100);
    await db.maintenance();
    await afterwards?.(db);
  }, stub);
  await evictDurableObject(stub);
  return stub;
}

describe('a database with archived rows that is opened without its archive', () => {
  it('answers no statement, rather than without these rows', async () => {
    const stub = await archivedObject();
    await inObject(async (storage) => {
      const db = await DB('bare', { storage });
      const refused = {
        code: 'FEATURE_NOT_ENABLED',
        message: expect.stringContaining('createTieredBackend'),
      };
      await expect(db.query('SELECT count(*) FROM events')).rejects.toMatchObject(refused);
      await expect(db.run('DELETE FROM events')).rejects.toMatchObject(refused);
      expect(() => db.querySync('SELECT 1')).toThrow(expect.objectContaining(refused));
      await expect(
        db.migrate([{ id: '1', sql: 'ALTER TABLE events ADD COLUMN more TEXT' }]),
      ).rejects.toMatchObject(refused);
      // Whoever opens it with the archive opens it for all.
      const whole = await openTiers(storage);
      expect((await whole.query(TOTALS)).rows).toEqual([{ n: 100, ids: 100, sum: 5050 }]);
      expect((await db.query(TOTALS)).rows).toEqual([{ n: 100, ids: 100, sum: 5050 }]);
    }, stub);
  });

  it('is as any other when nothing is archived any more', async () => {
    const stub = await archivedObject(async (db) => {
      await db.run('DELETE FROM events');
      await db.maintenance({ compact: true });
    });
    await inObject(async (storage) => {
      const db = await DB('bare', { storage });
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 0 }]);
    }, stub);
  });
});
