import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { kvStore, type ObjectStore, r2Store } from '../../../src/fsx/index.ts';
import { inObject } from '../object.ts';
import { DAY, EVENTS, fill, hotRows, openTiers, POLICY, type Tiered } from './opened.ts';

/** Counts what is read from a real store. */
function counted(store: ObjectStore) {
  const reads = { requests: 0, bytes: 0 };
  const note = (bytes: Uint8Array | undefined) => {
    reads.requests++;
    reads.bytes += bytes?.length ?? 0;
    return bytes;
  };
  const counting: ObjectStore = {
    ...store,
    get: async (key) => note(await store.get(key)),
    getRange: async (key, offset, length) => note(await store.getRange(key, offset, length)),
  };
  const during = async (work: () => Promise<unknown>) => {
    Object.assign(reads, { requests: 0, bytes: 0 });
    await work();
    return { ...reads };
  };
  return { counting, during };
}

async function archived(
  storage: DurableObjectStorage,
  count: number,
  options: Parameters<typeof openTiers>[1] = {},
) {
  const db = await openTiers(storage, options);
  await db.run(EVENTS);
  await fill(db, count);
  await db.maintenance();
  return db;
}

describe('reading archived rows', () => {
  it('a look-up by key in a file of 100,000 rows reads at most 150 KB', () =>
    inObject(async (storage) => {
      const { counting, during } = counted(r2Store(env.BUCKET));
      const db = await openTiers(storage, {
        cold: counting,
        tables: [{ ...POLICY, table: 'wide', segmentRows: 100_000 }],
      });
      await db.run(
        'CREATE TABLE wide (id INTEGER PRIMARY KEY, at INTEGER, slug TEXT, kind TEXT, city TEXT, amount REAL, flag INTEGER, doc TEXT, maybe REAL, body TEXT)',
      );
      const start = Date.now() - 300 * DAY;
      for (let from = 0; from < 100_001; from += 10_000)
        await db.run(
          `WITH RECURSIVE n(i) AS (VALUES (${from + 1}) UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.min(from + 10_000, 100_001)})
           INSERT INTO wide SELECT i, ${start} + i * 60000, 'slug-' || (i * 7919 % 100003), 'kind ' || (i % 7), 'city ' || (i % 997), i / 7.0,
             i % 2, '{"n":' || i || '}', CASE WHEN i % 3 THEN i * 0.1 END, hex(i * 2654435761) FROM n`,
        );
      const { extensions } = await db.maintenance();
      expect(extensions['tiers']).toMatchObject({ archived: { wide: { rows: 100_000, segments: 1 } } });
      const all = (sql: string, params: unknown[] = []) => db.query(sql, params as never);
      // The footer is in the object, not in R2.
      const first = await during(() => all('SELECT * FROM wide WHERE id = 54321'));
      expect(first.bytes).toBeLessThanOrEqual(150_000);
      for (const id of [1, 31_415, 99_999]) {
        const read = await during(async () => {
          const { rows } = await all('SELECT * FROM wide WHERE id = ?', [id]);
          expect(rows).toMatchObject([{ id, slug: `slug-${(id * 7919) % 100_003}`, amount: id / 7 }]);
        });
        expect(read.bytes).toBeLessThanOrEqual(150_000);
      }
      const two = await during(() => all('SELECT kind, amount FROM wide WHERE id = 77777'));
      expect(two.bytes).toBeLessThanOrEqual(60_000);
      expect(await during(() => all('SELECT * FROM wide WHERE id = 100001'))).toEqual({
        requests: 0,
        bytes: 0,
      });
      expect(await during(() => all('SELECT * FROM wide WHERE id > 200000'))).toEqual({
        requests: 0,
        bytes: 0,
      });
      const { sources } = await db.explain('SELECT * FROM wide WHERE id = 54321');
      expect(sources).toMatchObject([
        { relation: 'wide', filesRead: 1, filesSkipped: 0, rowGroupsRead: 1, rowGroupsSkipped: 9 },
      ]);
    }));

  it('an absent text key is told by the Bloom filter in the object, without reading R2', () =>
    inObject(async (storage) => {
      const { counting, during } = counted(r2Store(env.BUCKET));
      const db = await openTiers(storage, {
        cold: counting,
        tables: [{ table: 'docs', by: 'at', unit: 'ms', hot: '1d', segmentRows: 5000 }],
      });
      await db.run('CREATE TABLE docs (slug TEXT PRIMARY KEY, at INTEGER, body TEXT)');
      await db.run(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5001) INSERT INTO docs SELECT 'doc ' || (i * 2), 1e12 + i, hex(i) FROM n",
      );
      await db.maintenance();
      const find = (slug: string) => db.query('SELECT * FROM docs WHERE slug = ?', [slug]);
      expect(await during(() => find('doc 4001'))).toEqual({ requests: 0, bytes: 0 });
      expect((await find('doc 4000')).rows).toMatchObject([{ slug: 'doc 4000' }]);
    }));

  it('joins, sub-selects, aggregates and order see all rows', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 2500);
      await db.run('CREATE TABLE kinds (name TEXT, label TEXT)');
      await db.run("INSERT INTO kinds VALUES ('CLICK', 'a'), ('VIEW', 'b')");
      const { rows } = await db.query(
        'SELECT k.label, count(*) AS n, max(e.id) AS last FROM events e JOIN kinds k ON e.kind = k.name WHERE e.at > ? GROUP BY 1 ORDER BY 1',
        [0],
      );
      expect(rows).toEqual([
        { label: 'a', n: 833, last: 2499 },
        { label: 'b', n: 834, last: 2500 },
      ]);
      expect(
        (
          await db.query(
            "SELECT id FROM events WHERE id IN (SELECT id * 2 FROM events WHERE id < 4) AND id = '4'",
          )
        ).rows,
      ).toEqual([{ id: 4 }]);
      expect((await db.query('SELECT id FROM events ORDER BY id DESC LIMIT 2 OFFSET 2498')).rows).toEqual([
        { id: 2 },
        { id: 1 },
      ]);
    }));

  it("tier: 'hot' sees the rows in the object, for a statement and for a handle of them", () =>
    inObject(async (storage) => {
      const db = await archived(storage, 1500);
      const hot = await hotRows(db);
      expect(hot).toBeLessThan(1500);
      expect(db.querySync('SELECT count(*) AS n FROM events', [], { tier: 'hot' }).rows).toEqual([
        { n: hot },
      ]);
      expect(() => db.querySync('SELECT count(*) AS n FROM events')).toThrow(
        expect.objectContaining({ code: 'NEEDS_ASYNC' }),
      );
      await db.run("UPDATE events SET note = 'hot'", [], { tier: 'hot' });
      expect((await db.query("SELECT count(*) AS n FROM events WHERE note = 'hot'")).rows).toEqual([
        { n: hot },
      ]);
    }));

  it('rows that are archived while they are read are seen once', () =>
    inObject(async (storage) => {
      let moving: Promise<unknown> | undefined;
      let db: Tiered;
      const store = r2Store(env.BUCKET);
      let moves = 0;
      const slow: ObjectStore = {
        ...store,
        async getRange(key, offset, length) {
          if (moves > 0) {
            moves--;
            moving ??= db.maintenance({ archiveOlderThan: '8d' });
            await moving;
          }
          return store.getRange(key, offset, length);
        },
      };
      db = await openTiers(storage, { cold: slow });
      await db.run(EVENTS);
      await fill(db, 5000);
      await db.maintenance({ archiveOlderThan: '9d' });
      moves = 1;
      const { rows } = await db.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events');
      expect(rows).toEqual([{ n: 5000, ids: 5000 }]);
      expect(moving).toBeDefined();
    }));

  it('rows that move all the time are an error, not a wrong answer', () =>
    inObject(async (storage) => {
      const store = r2Store(env.BUCKET);
      let n = 1;
      let armed = false;
      const restless: ObjectStore = {
        ...store,
        async getRange(key, offset, length) {
          if (armed) storage.sql.exec('INSERT OR REPLACE INTO events(id, at) VALUES (?, 1)', n++);
          return store.getRange(key, offset, length);
        },
      };
      const db = await archived(storage, 1500, { cold: restless });
      armed = true;
      await expect(db.query('SELECT sum(amount) FROM events')).rejects.toMatchObject({
        code: 'TIER_CONTENTION',
      });
      armed = false;
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 1500 }]);
    }));

  it('the copy in KV stands in for R2, and R2 for the copy', () =>
    inObject(async (storage) => {
      const cold = r2Store(env.BUCKET);
      const warm = kvStore(env.WARM);
      const broken = { cold: false, warm: false };
      const fails = (which: 'cold' | 'warm', store: ObjectStore): ObjectStore => ({
        ...store,
        async getRange(key, offset, length) {
          if (broken[which]) throw new Error(`${which} is down`);
          return store.getRange(key, offset, length);
        },
      });
      const db = await openTiers(storage, {
        cold: fails('cold', cold),
        warm: fails('warm', warm),
        tables: [{ ...POLICY, warm: '7d' }],
      });
      await db.run(EVENTS);
      await fill(db, 1500);
      await db.maintenance();
      const keys = [...storage.sql.exec('SELECT key, warm_until FROM _dosql_tier_seg')];
      for (const { key, warm_until } of keys) {
        expect(Number(warm_until)).toBeGreaterThan(Date.now() + 5 * DAY);
        expect((await warm.head(String(key)))!.size).toBe((await cold.head(String(key)))!.size);
      }
      const count = async () => (await db.query('SELECT count(*) AS n, total(amount) AS t FROM events')).rows;
      const expected = await count();
      broken.cold = true;
      expect(await count()).toEqual(expected);
      broken.warm = true;
      await expect(count()).rejects.toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
      broken.cold = false;
      expect(await count()).toEqual(expected);
      broken.warm = false;
      for (const { key } of keys) await warm.delete(String(key));
      expect(await count()).toEqual(expected);
    }));
});
