import { describe, expect, test } from 'vitest';
import type { RelationColumn } from '../../../src/relation/provider.ts';
import { EVENTS, fill, openTiers } from '../fsx/opened.ts';
import { inObject } from '../object.ts';
import { MemoryProvider } from './memory.ts';
import { withRelations } from './open.ts';

const COLUMNS: RelationColumn[] = [
  { name: 'id', affinity: 'INTEGER' },
  { name: 'name', affinity: 'TEXT' },
];
const marks = (count: number) => Array.from({ length: count }, () => '?').join();

describe('statements with foreign rows, beyond the limits of the platform', () => {
  test('bind as many values as others', () =>
    withRelations(
      {
        users: {
          provider: new MemoryProvider(
            COLUMNS,
            Array.from({ length: 1000 }, (_, i) => [i, `user ${i}`]),
          ),
        },
      },
      async (db) => {
        const ids = Array.from({ length: 150 }, (_, i) => i * 2);
        const one = `SELECT count(*) AS n FROM users WHERE id IN (${marks(150)})`;
        expect((await db.query(one, ids)).rows).toEqual([{ n: 150 }]);
        const both = `SELECT count(*) AS n, ? || ? AS s FROM users WHERE id IN (${marks(60)}) OR name IN (${marks(60)})`;
        const names = ids.slice(60, 120).map((id) => `user ${id}`);
        expect((await db.query(both, ['a', 'b', ...ids.slice(0, 60), ...names])).rows).toEqual([
          { n: 120, s: 'ab' },
        ]);
        const mixed = `SELECT count(*) AS n FROM users WHERE ${Array.from({ length: 40 }, () => 'coalesce(id = ? OR name = ? OR id = ?, 0)').join(' + ')} > 0`;
        const values = Array.from({ length: 40 }, (_, i) => [i, `user ${i + 100}`, i + 200]).flat();
        expect((await db.query(mixed, values)).rows).toEqual([{ n: 120 }]);
        const copy = await db.run(`CREATE TABLE copy AS ${one.replace('count(*) AS n', '*')}`, ids);
        expect(copy.changes).toBe(0);
        expect((await db.query('SELECT count(*) AS n FROM copy')).rows).toEqual([{ n: 150 }]);
      },
    ));

  test('change archived rows', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 500);
      await db.maintenance();
      const ids = Array.from({ length: 150 }, (_, i) => 1 + i * 2);
      const list = `id IN (${marks(150)})`;
      expect((await db.query(`SELECT count(*) AS n FROM events WHERE ${list}`, ids)).rows).toEqual([
        { n: 150 },
      ]);
      const update = await db.run(`UPDATE events SET note = ? WHERE ${list} RETURNING id`, ['all', ...ids]);
      expect([update.rows.length, update.changes]).toEqual([150, 150]);
      expect((await db.run(`DELETE FROM events WHERE note = ? AND ${list}`, ['all', ...ids])).changes).toBe(
        150,
      );
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 350 }]);
      const { plan } = await db.explain(`SELECT * FROM events WHERE ${list}`, ids);
      expect(plan.length).toBeGreaterThan(0);
    }));

  test('are explained also where none of the foreign rows is needed', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      const sql = 'SELECT * FROM events WHERE at > 9000000000000000';
      expect(await db.explain(sql)).toMatchObject({ sql, sources: [] });
      await fill(db, 50);
      await db.maintenance();
      expect((await db.explain(sql)).sources).toMatchObject([{ filesRead: 0, filesSkipped: 1 }]);
    }));
});
