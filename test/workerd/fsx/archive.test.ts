import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { EVENTS, fill, hotRows, openTiers, TOTALS, type Totals } from './opened.ts';

describe('archiving', () => {
  it('moves old rows into files, and statements go on seeing them', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 2500);
      const before = await db.query('SELECT * FROM events ORDER BY id', [], { rows: 'values' });
      const [totals] = (await db.query<Totals>(TOTALS)).rows;
      const report = await db.maintenance();
      expect(report.extensions['tiers']).toMatchObject({
        archived: { events: { stale: 0, segments: 3 } },
        done: true,
      });
      expect(await hotRows(db)).toBeLessThan(2500);
      expect((await db.query<Totals>(TOTALS)).rows).toEqual([totals]);
      const after = await db.query('SELECT * FROM events ORDER BY id', [], { rows: 'values' });
      expect(after).toMatchObject({ columns: before.columns });
      expect(after.rows).toEqual(before.rows);
    }));

  it('takes a table of as many columns as can be archived', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      const more = Array.from({ length: 96 }, (_, i) => `c${i}`);
      await db.run(`CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, ${more})`);
      for (let id = 1; id <= 3; id++)
        await db.run(`INSERT INTO events VALUES (?, ?, ${more.map(() => '?')})`, [
          id,
          id,
          ...more.map((name) => name + id),
        ]);
      const before = await db.query('SELECT * FROM events', [], { rows: 'values' });
      await db.maintenance();
      expect(await hotRows(db)).toBe(1);
      expect((await db.query('SELECT * FROM events ORDER BY id', [], { rows: 'values' })).rows).toEqual(
        before.rows,
      );
      expect(await db.run("UPDATE events SET c95 = 'new' WHERE id = 1")).toMatchObject({ changes: 1 });
      expect((await db.query('SELECT c95 FROM events ORDER BY id')).rows).toEqual([
        { c95: 'new' },
        { c95: 'c952' },
        { c95: 'c953' },
      ]);
    }));
});
