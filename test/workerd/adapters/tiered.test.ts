import { env } from 'cloudflare:test';
import { asc, count, eq, lt } from 'drizzle-orm';
import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, it } from 'vitest';
import { live } from '../../../adapters/live.ts';
import { tier, tiered } from '../../../adapters/tiered.ts';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { createTieredBackend } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';

const readings = sqliteTable('readings', {
  id: integer().primaryKey({ autoIncrement: true }),
  takenAt: integer('taken_at', { mode: 'timestamp' }).notNull(),
  sensor: text().notNull(),
  value: real(),
  tags: text({ mode: 'json' }).$type<string[]>(),
  day: text(),
});
const schema = { readings };

const START = Date.now() - 40 * 86_400_000;

async function open(hot: DurableObjectStorage) {
  const backend = createTieredBackend({
    hot,
    cold: env.BUCKET,
    tables: [tiered(readings, { by: readings.takenAt, hot: '7d', warm: '30d' })],
  });
  const database = await DB('readings', { storage: backend });
  await database.run(
    'CREATE TABLE readings (id INTEGER PRIMARY KEY AUTOINCREMENT, taken_at INTEGER NOT NULL, sensor TEXT NOT NULL, value REAL, tags TEXT, day TEXT)',
  );
  const db = drizzle(database, { schema });
  for (let from = 0; from < 1000; from += 100)
    await db.insert(readings).values(
      Array.from({ length: 100 }, (_, i) => ({
        takenAt: new Date(START + (from + i) * 3_600_000),
        sensor: `s${i % 10}`,
        value: (from + i) / 3,
        tags: [`t${i}`],
      })),
    );
  return { database, db };
}

describe('tiered tables of Drizzle', () => {
  it('can be watched: a live query sees archived rows, and what becomes of them', () =>
    inObject(async (storage) => {
      const { database, db } = await open(storage);
      await database.maintenance();
      const [{ n: hot } = { n: 0 }] = await tier(db, 'hot').select({ n: count() }).from(readings);
      expect(hot).toBeLessThan(500);
      const told: { ids: number[]; added: number; changed: number; removed: number }[] = [];
      const query = db.select().from(readings).where(lt(readings.id, 4)).orderBy(asc(readings.id));
      const watched = live(query, (rows, { added, changed, removed }) => {
        told.push({
          ids: rows.map(({ id }) => id),
          added: added.length,
          changed: changed.length,
          removed: removed.length,
        });
      });
      await watched.ready;
      await db.update(readings).set({ value: 7 }).where(eq(readings.id, 2));
      await watched.refresh();
      await db.delete(readings).where(eq(readings.id, 3));
      await watched.refresh();
      watched.stop();
      await watched.done;
      expect(told).toEqual([
        { ids: [1, 2, 3], added: 3, changed: 0, removed: 0 },
        { ids: [1, 2, 3], added: 0, changed: 1, removed: 0 },
        { ids: [1, 2], added: 0, changed: 0, removed: 1 },
      ]);
    }));

  it('make a policy that knows what its column counts', () => {
    expect(tiered(readings, { by: readings.takenAt, hot: '7d', warm: '30d' })).toEqual({
      table: 'readings',
      by: 'taken_at',
      hot: '7d',
      warm: '30d',
      unit: 's',
    });
    expect(tiered(readings, { by: readings.day, hot: 1000 })).toEqual({
      table: 'readings',
      by: 'day',
      hot: 1000,
    });
    const other = sqliteTable('other', { at: integer({ mode: 'timestamp_ms' }) });
    expect(tiered(other, { by: other.at, hot: '1d' })).toMatchObject({ unit: 'ms' });
    expect(() => tiered(readings, { by: other.at as never, hot: '1d' })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('are read and written as if all rows were in the object', () =>
    inObject(async (storage) => {
      const { database, db } = await open(storage);
      const all = () => db.select().from(readings).orderBy(asc(readings.id));
      const before = await all();
      const report = await database.maintenance();
      expect(report.extensions['tiers']).toMatchObject({ archived: { readings: { segments: 1 } } });
      expect(await all()).toEqual(before);
      expect(await db.query.readings.findFirst({ where: eq(readings.id, 17) })).toEqual(before[16]);
      await db
        .update(readings)
        .set({ tags: ['changed'] })
        .where(eq(readings.id, 17));
      const [row] = await db.select().from(readings).where(eq(readings.id, 17));
      expect(row).toEqual({ ...before[16], tags: ['changed'] });
      const upserted = await db
        .insert(readings)
        .values({ id: 18, takenAt: new Date(START), sensor: 'new' })
        .onConflictDoUpdate({ target: readings.id, set: { sensor: 'upserted' } })
        .returning();
      expect(upserted).toEqual([{ ...before[17], sensor: 'upserted' }]);
      const gone = await db.delete(readings).where(lt(readings.id, 4)).returning({ id: readings.id });
      expect(gone).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
      await db.transaction(async (tx) => {
        await tx.update(readings).set({ value: 0 }).where(eq(readings.id, 20));
        expect(await tx.$count(readings)).toBe(997);
      });
      expect(await db.$count(readings)).toBe(997);
    }));

  it("tier(db, 'hot') sees the rows in the object, in both drivers", () =>
    inObject(async (storage) => {
      const { database, db } = await open(storage);
      await database.maintenance();
      const hot = tier(db, 'hot');
      const [{ n } = { n: 0 }] = await hot.select({ n: count() }).from(readings);
      expect(n).toBeGreaterThan(100);
      expect(n).toBeLessThan(300);
      expect(await db.$count(readings)).toBe(1000);
      expect(await tier(hot, 'all').$count(readings)).toBe(1000);
      expect(await hot.query.readings.findFirst({ where: eq(readings.id, 1) })).toBeUndefined();
      const sync = drizzleSync(database, { schema });
      expect(() => sync.select().from(readings).all()).toThrow(
        expect.objectContaining({ code: 'NEEDS_ASYNC' }),
      );
      expect(tier(sync, 'hot').select({ n: count() }).from(readings).get()).toEqual({ n });
      tier(sync, 'hot').transaction((tx) => tx.update(readings).set({ sensor: 'hot' }).run());
      expect(await db.$count(readings, eq(readings.sensor, 'hot'))).toBe(n);
      const later = drizzle(() => Promise.resolve(database), { schema });
      expect(await tier(later, 'hot').$count(readings)).toBe(n);
    }));
});
