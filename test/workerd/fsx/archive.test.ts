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
});
