import { describe, expect, it } from 'vitest';
import { memoryStore, type ObjectStore, type TierReport } from '../../../src/fsx/index.ts';
import { inObject } from '../object.ts';
import { EVENTS, fill, hotRows, openTiers, type Tiered } from './opened.ts';

const tiersOf = (report: { extensions: Record<string, unknown> }) => report.extensions['tiers'] as TierReport;

describe('what happens while files are written', () => {
  it('a column that is added meanwhile loses no value', () =>
    inObject(async (storage) => {
      let meanwhile: (() => Promise<void>) | undefined;
      const db: Tiered = await openTiers(storage, {
        async onStep(step) {
          if (step !== 'put') return;
          await meanwhile?.();
          meanwhile = undefined;
        },
      });
      await db.run(EVENTS);
      await fill(db, 50);
      meanwhile = async () => {
        await db.run('ALTER TABLE events ADD COLUMN extra INTEGER DEFAULT 5');
        await db.run('UPDATE events SET extra = 7 WHERE id = 3');
      };
      expect(tiersOf(await db.maintenance())).toMatchObject({ archived: {}, done: false });
      expect(await hotRows(db)).toBe(50);
      expect(tiersOf(await db.maintenance())).toMatchObject({ recovered: 1, done: true });
      expect(await hotRows(db)).toBe(1);
      expect((await db.query('SELECT id, extra FROM events WHERE id IN (3, 4)')).rows).toEqual([
        { id: 3, extra: 7 },
        { id: 4, extra: 5 },
      ]);
    }));

  it('a table that is renamed meanwhile keeps its compacted rows', () =>
    inObject(async (storage) => {
      let meanwhile: (() => Promise<void>) | undefined;
      const db: Tiered = await openTiers(storage, {
        async onStep(step) {
          if (step !== 'put') return;
          await meanwhile?.();
          meanwhile = undefined;
        },
      });
      await smallFiles(db);
      meanwhile = async () => void (await db.run('ALTER TABLE events RENAME TO happenings'));
      expect(tiersOf(await db.maintenance({ compact: true }))).toMatchObject({ compacted: 0, done: false });
      const { rows } = await db.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM happenings');
      expect(rows).toEqual([{ n: 60, ids: 60 }]);
    }));

  it('rows that are buried while others are compacted take no other row with them', () =>
    inObject(async (storage) => {
      const memory = memoryStore();
      let meanwhile: (() => void) | undefined;
      const cold: ObjectStore = {
        ...memory,
        getRange(...range) {
          meanwhile?.();
          meanwhile = undefined;
          return memory.getRange(...range);
        },
        head: (...args) => memory.head(...args),
        get: (...args) => memory.get(...args),
        put: (...args) => memory.put(...args),
        delete: (...args) => memory.delete(...args),
        list: (...args) => memory.list(...args),
      };
      const db = await openTiers(storage, { cold, warm: memoryStore() });
      await smallFiles(db);
      // The first file is being read; these keys are in a later one.
      meanwhile = () =>
        void db.runSync('INSERT INTO events(id, at) VALUES (40, 1), (41, 1)', [], { tier: 'hot' });
      expect(tiersOf(await db.maintenance({ compact: true, archiveOlderThan: '20000d' })).compacted).toBe(10);
      expect(meanwhile).toBeUndefined();
      // All but two of the file's visible rows come back.
      await db.run("UPDATE events SET note = 'back' WHERE id < 58 AND id NOT IN (40, 41)");
      const { rows } = await db.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events');
      expect(rows).toEqual([{ n: 60, ids: 60 }]);
    }));

  it('a new key that comes while a file is written anew takes no other row with it', () =>
    inObject(async (storage) => {
      let meanwhile: (() => Promise<unknown>) | undefined;
      const db = await openTiers(storage, {
        async onStep(step) {
          if (step === 'put') await meanwhile?.();
        },
      });
      await db.run(EVENTS);
      await fill(db, 20);
      await db.run('DELETE FROM events WHERE id = 5');
      await db.maintenance();
      await db.run('DELETE FROM events WHERE id BETWEEN 10 AND 15');
      // Between the keys of the file, and none of them.
      meanwhile = () => db.run('INSERT INTO events(id, at) VALUES (5, 9e12)');
      expect(tiersOf(await db.maintenance({ compact: true })).compacted).toBe(1);
      meanwhile = undefined;
      await db.run("UPDATE events SET note = 'back' WHERE id NOT IN (1, 20)");
      expect((await db.query('SELECT count(*) AS n, min(id) AS first FROM events')).rows).toEqual([
        { n: 14, first: 1 },
      ]);
    }));

  it('a table that takes the place of another must tell renamed columns from new ones', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 50);
      await db.maintenance();
      const rebuild = (columns: string, copied: string) =>
        db.batch([
          `CREATE TABLE __new_events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ${columns})`,
          `INSERT INTO __new_events(id, at, ${copied}) SELECT id, at, ${copied} FROM events`,
          'DROP TABLE events',
          'ALTER TABLE __new_events RENAME TO events',
        ]);
      const before = (await db.query('SELECT id, kind, note FROM events ORDER BY id')).rows;
      await expect(
        rebuild('kind TEXT COLLATE NOCASE, amount REAL, data BLOB, memo', 'kind, amount, data'),
      ).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT', columns: ['memo'] });
      expect((await db.query('SELECT id, kind, note FROM events ORDER BY id')).rows).toEqual(before);
      await rebuild('kind TEXT COLLATE NOCASE, note', 'kind, note');
      expect((await db.query('SELECT id, kind, note FROM events ORDER BY id')).rows).toEqual(before);
    }));

  it('a computed column is not added to archived rows, which do not have its value', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 50);
      await db.run('ALTER TABLE events ADD COLUMN half AS (id / 2)');
      await db.maintenance();
      expect((await db.query('SELECT half FROM events WHERE id = 9')).rows).toEqual([{ half: 4 }]);
      await expect(db.run('ALTER TABLE events ADD COLUMN twice AS (id * 2)')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        columns: ['twice'],
      });
      expect((await db.query('SELECT * FROM events WHERE id = 9')).rows[0]).not.toHaveProperty('twice');
      expect((await db.query('SELECT * FROM events WHERE id = 50')).rows[0]).not.toHaveProperty('twice');
    }));
});

/** Ten files of about six rows. */
async function smallFiles(db: Tiered): Promise<void> {
  await db.run(EVENTS);
  for (let i = 0; i < 10; i++) {
    await fill(db, 6, 1 + i * 6);
    await db.maintenance();
  }
}
