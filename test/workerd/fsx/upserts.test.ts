import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, it } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { inObject } from '../object.ts';
import { DAY, EVENTS, fill, hotRows, openTiers, POLICY, type Tiered } from './opened.ts';

async function archived(storage: DurableObjectStorage): Promise<Tiered> {
  const db = await openTiers(storage);
  await db.run(EVENTS);
  await fill(db, 300);
  await db.maintenance();
  expect(await hotRows(db)).toBe(1);
  return db;
}
const UPSERT =
  "INSERT INTO events(id, at, note) VALUES (?, 1, 'up') ON CONFLICT(id) DO UPDATE SET note = excluded.note || events.id";
const noteOf = async (db: Tiered, id: number) =>
  (await db.query<{ note: string }>('SELECT note FROM events WHERE id = ?', [id])).rows.map(
    ({ note }) => note,
  );

describe('an upsert of an archived key', () => {
  it('works inside transactions and batches', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      await db.transaction(async (tx) => {
        await tx.run(UPSERT, [5]);
        await tx.transaction(async (inner) => void (await inner.run(UPSERT, [6])));
        expect((await tx.query('SELECT note FROM events WHERE id IN (5, 6)')).rows).toEqual([
          { note: 'up5' },
          { note: 'up6' },
        ]);
      });
      const results = await db.batch([
        ['DELETE FROM events WHERE id = ?', [7]],
        [UPSERT, [8]],
        'INSERT OR IGNORE INTO events(id, at) VALUES (9, 1)',
      ]);
      expect(results.map(({ changes }) => changes)).toEqual([1, 1, 0]);
      expect([...(await noteOf(db, 5)), ...(await noteOf(db, 7)), ...(await noteOf(db, 8))]).toEqual([
        'up5',
        'up8',
      ]);
      const undo = new Error('undo');
      const work = db.transaction(async (tx) => {
        await tx.run(UPSERT, [11]);
        throw undo;
      });
      await expect(work).rejects.toBe(undo);
      expect(await noteOf(db, 11)).toEqual(['n11']);
      const orm = drizzle(db);
      const events = sqliteTable('events', {
        id: integer().primaryKey(),
        at: integer().notNull(),
        note: text(),
      });
      await orm.transaction(async (tx) => {
        await tx
          .insert(events)
          .values({ id: 13, at: 1 })
          .onConflictDoUpdate({ target: events.id, set: { note: 'orm' } });
      });
      expect(await noteOf(db, 13)).toEqual(['orm']);
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 299 }]);
    }));

  it('is met by what a column of the key has by default', () =>
    inObject(async (storage) => {
      const policy = { table: 'items', by: 'at', unit: 'ms', hot: '1d', segmentRows: 1000 } as const;
      const db = await openTiers(storage, { tables: [policy] });
      await db.run(
        "CREATE TABLE items (tenant TEXT NOT NULL DEFAULT 'a', id INTEGER NOT NULL, at INTEGER, v TEXT, PRIMARY KEY (tenant, id)) WITHOUT ROWID",
      );
      for (let id = 0; id < 5; id++)
        await db.run('INSERT INTO items(id, at, v) VALUES (?, ?, ?)', [id, Date.now() - 2 * DAY, 'old']);
      await db.maintenance();
      expect(
        (await db.run("INSERT INTO items(id, v) VALUES (1, 'new') ON CONFLICT DO NOTHING")).changes,
      ).toBe(0);
      await db.run("INSERT INTO items(id, v) VALUES (2, 'new') ON CONFLICT DO UPDATE SET v = v || '!'");
      const { rows } = await db.query('SELECT id, v FROM items WHERE id IN (1, 2) ORDER BY id');
      expect(rows).toEqual([
        { id: 1, v: 'old' },
        { id: 2, v: 'old!' },
      ]);
    }));

  it('sees keys that came into its SELECT while it read the archive', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      await db.run('CREATE TABLE source (id INTEGER)');
      await db.run('INSERT INTO source VALUES (3)');
      const copied = db.run(
        "INSERT INTO events(id, at, note) SELECT id, 1, 'copy' FROM source WHERE true ON CONFLICT DO NOTHING",
      );
      await db.run('INSERT INTO source VALUES (15)');
      expect((await copied).changes).toBe(0);
      expect(await noteOf(db, 15)).toEqual(['n15']);
      const [, second] = await db.batch([
        'INSERT INTO source VALUES (17)',
        "INSERT INTO events(id, at, note) SELECT id, 1, 'copy' FROM source WHERE true ON CONFLICT DO NOTHING",
      ]);
      expect(second!.changes).toBe(0);
      expect(await noteOf(db, 17)).toEqual(['n17']);
    }));

  it.each(['lower(hex(randomblob(16)))', "unixepoch('subsec') + random()"])(
    'copies rows whose keys are made by %s',
    (made) =>
      inObject(async (storage) => {
        const db = await openTiers(storage, { tables: [{ ...POLICY, table: 'items' }] });
        await db.run(`CREATE TABLE items (at INTEGER, id TEXT PRIMARY KEY DEFAULT (${made}), v)`);
        for (let i = 0; i < 5; i++) await db.run('INSERT INTO items(at, v) VALUES (1000000000000, ?)', [i]);
        await db.maintenance();
        const copied = await db.run(
          'INSERT INTO items(at, v) SELECT 1, v FROM (SELECT 7 AS v UNION SELECT 8) WHERE true ON CONFLICT DO NOTHING',
        );
        expect(copied.changes).toBe(2);
      }),
  );
});
