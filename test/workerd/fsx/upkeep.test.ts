import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createTieredBackend, type TierReport } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';
import { EVENTS, fill, hotRows, openTiers, POLICY, TOTALS } from './opened.ts';

const tiersOf = (report: { extensions: Record<string, unknown> }) => report.extensions['tiers'] as TierReport;
const count = (storage: DurableObjectStorage, state: string) =>
  [...storage.sql.exec('SELECT 1 FROM _dosql_tier_seg WHERE state=?', state)].length;

describe('upkeep of the archive', () => {
  it('many small files become one, and what was buried is gone', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ ...POLICY, segmentRows: 2000 }], keepDeadFor: 0 });
      await db.run(EVENTS);
      for (let i = 0; i < 10; i++) {
        await fill(db, 100, 1 + i * 100);
        await db.maintenance();
      }
      expect(count(storage, 'active')).toBe(10);
      const before = (await db.query('SELECT * FROM events ORDER BY id')).rows;
      expect(tiersOf(await db.maintenance({ compact: true }))).toMatchObject({ compacted: 10, done: true });
      expect(count(storage, 'active')).toBe(1);
      expect((await db.query('SELECT * FROM events ORDER BY id')).rows).toEqual(before);
      await db.run('DELETE FROM events WHERE id % 2 = 0 AND id < 600');
      const left = (await db.query('SELECT * FROM events ORDER BY id')).rows;
      expect(tiersOf(await db.maintenance({ compact: true })).compacted).toBe(1);
      expect((await db.query('SELECT * FROM events ORDER BY id')).rows).toEqual(left);
      expect([...storage.sql.exec('SELECT count(*) AS n FROM _dosql_tier_tomb')]).toEqual([{ n: 0 }]);
      // Nothing keeps dead files here: their objects go.
      await scheduler.wait(1);
      await db.maintenance();
      expect(count(storage, 'dead')).toBe(0);
      const [{ object }] = [...storage.sql.exec('SELECT object FROM _dosql_tier_meta')] as unknown as [
        { object: string },
      ];
      expect((await env.BUCKET.list({ prefix: `dosql/${object}/` })).objects).toHaveLength(1);
    }));

  it('a budget ends the work between two files, and the next call goes on', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 4000);
      const none = tiersOf(await db.maintenance({ budgetMs: 0 }));
      expect(none).toMatchObject({ archived: {}, done: false });
      expect(tiersOf(await db.maintenance({ archiveOlderThan: 0 }))).toMatchObject({
        archived: { events: { rows: 3999, segments: 4 } },
        done: true,
      });
      expect(await hotRows(db)).toBe(1);
      expect((await db.query(TOTALS)).rows).toEqual([{ n: 4000, ids: 4000, sum: 8_002_000 }]);
      expect(tiersOf(await db.maintenance())).toMatchObject({ archived: {}, done: true });
    }));

  it('files keep the columns they were written with, and rows have those of today', () =>
    inObject(async (storage) => {
      const open = (hot: DurableObjectStorage) =>
        DB('evolving', { storage: createTieredBackend({ hot, cold: env.BUCKET, tables: [POLICY] }) });
      const db = await open(storage);
      await db.run(EVENTS);
      await fill(db as never, 100);
      await db.maintenance();
      await db.run('ALTER TABLE events RENAME COLUMN note TO remark');
      await db.run("ALTER TABLE events ADD COLUMN state TEXT DEFAULT 'new'");
      await db.run('ALTER TABLE events DROP COLUMN data');
      const [row] = (await db.query('SELECT * FROM events WHERE id = 15')).rows;
      expect(row).toMatchObject({ id: 15, remark: 'n15', state: 'new' });
      expect(row).not.toHaveProperty('data');
      expect(
        (await db.query("SELECT count(*) AS n FROM events WHERE state = 'new' AND remark = 'n15'")).rows,
      ).toEqual([{ n: 1 }]);
      await fill(db as never, 0);
      await db.run("INSERT INTO events(id, at, remark) VALUES (101, 5, 'x'), (102, 5, 'y')");
      await db.maintenance();
      // drizzle-kit's way: a new table takes the old one's place, amount becomes text.
      await db.migrate([
        {
          id: '0001',
          sql: `CREATE TABLE __new_events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT COLLATE NOCASE, amount TEXT, remark, state TEXT DEFAULT 'new');
--> statement-breakpoint
INSERT INTO __new_events SELECT id, at, kind, amount, remark, state FROM events;
--> statement-breakpoint
DROP TABLE events;
--> statement-breakpoint
ALTER TABLE __new_events RENAME TO events;`,
        },
      ]);
      expect((await db.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events')).rows).toEqual([
        { n: 102, ids: 102 },
      ]);
      const [typed] = (await db.query('SELECT typeof(amount) AS t, remark FROM events WHERE id = 14')).rows;
      expect(typed).toEqual({ t: 'text', remark: null });
      await db.run("UPDATE events SET state = 'done' WHERE id IN (15, 101)");
      expect((await db.query("SELECT id, remark FROM events WHERE state = 'done' ORDER BY id")).rows).toEqual(
        [
          { id: 15, remark: 'n15' },
          { id: 101, remark: 'x' },
        ],
      );
      await db.run('ALTER TABLE events RENAME TO happenings');
      expect((await db.query('SELECT count(*) AS n FROM happenings')).rows).toEqual([{ n: 102 }]);
      await db.run('DROP TABLE happenings');
      expect(count(storage, 'active')).toBe(0);
      await db.run(EVENTS);
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 0 }]);
    }));

  it('refuses tables that cannot be tiered', () =>
    inObject(async (storage) => {
      const open = (table: string, by = 'at') => openTiers(storage, { tables: [{ ...POLICY, table, by }] });
      const plain = await DB('plain', { storage });
      await plain.run('CREATE TABLE parents (id INTEGER PRIMARY KEY, at INTEGER)');
      await plain.run(
        'CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents(id))',
      );
      await plain.run('CREATE TABLE keyless (at INTEGER)');
      await expect(open('parents')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        table: 'parents',
      });
    }));

  it('refuses tables without a key, and columns that are not there', () =>
    inObject(async (storage) => {
      const plain = await DB('plain', { storage });
      await plain.run('CREATE TABLE keyless (at INTEGER)');
      await expect(openTiers(storage, { tables: [{ ...POLICY, table: 'keyless' }] })).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        table: 'keyless',
      });
    }));

  it('refuses a foreign key to a tiered table, rowids of archived rows, and views over them', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 100);
      await db.run("CREATE VIEW clicks AS SELECT * FROM events WHERE kind = 'click'");
      expect((await db.query('SELECT count(*) AS n FROM clicks')).rows).toEqual([{ n: 33 }]);
      expect((await db.query('SELECT rowid FROM events WHERE id = 3')).rows).toEqual([{ id: 3 }]);
      await expect(
        db.run('CREATE TABLE parts (id INTEGER PRIMARY KEY, event INTEGER REFERENCES events(id))'),
      ).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT', table: 'events' });
      expect((await db.query("SELECT name FROM sqlite_master WHERE name = 'parts'")).rows).toEqual([]);
      await db.maintenance();
      await expect(db.query('SELECT count(*) FROM clicks')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
      });
      await expect(db.query('SELECT rowid FROM events WHERE id = 3')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
      });
      expect((await db.query('SELECT count(*) AS n FROM clicks', [], { tier: 'hot' })).rows).toEqual([
        { n: 0 },
      ]);
    }));

  it("the user's own triggers do not see rows move", () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await db.run('CREATE TABLE heard (what TEXT, id INTEGER)');
      await db.run(
        "CREATE TRIGGER gone AFTER DELETE ON events BEGIN INSERT INTO heard VALUES ('deleted', OLD.id); END",
      );
      await db.run(
        "CREATE TRIGGER came AFTER INSERT ON events BEGIN INSERT INTO heard VALUES ('inserted', NEW.id); END",
      );
      await db.run(
        "CREATE TRIGGER changed AFTER UPDATE ON events BEGIN INSERT INTO heard VALUES ('updated', NEW.id); END",
      );
      await fill(db, 50);
      await db.run('DELETE FROM heard');
      await db.maintenance();
      await db.run("UPDATE events SET note = 'x' WHERE id = 7");
      await db.run('DELETE FROM events WHERE id = 8');
      expect((await db.query('SELECT * FROM heard')).rows).toEqual([
        { what: 'updated', id: 7 },
        { what: 'deleted', id: 8 },
      ]);
    }));

  it('works as in the first example, without any policy', () =>
    inObject(async (hot) => {
      const storage = createTieredBackend({
        hot,
        warm: env.WARM,
        cold: env.BUCKET,
        hotThreshold: '24h',
        warmThreshold: '7d',
      });
      const db = await DB('tiered', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY)');
      await db.run('INSERT INTO t VALUES (1)');
      expect(db.querySync('SELECT * FROM t').rows).toEqual([{ id: 1 }]);
      await db.maintenance();
      expect(db.querySync("SELECT count(*) AS n FROM sqlite_master WHERE name LIKE '%tier%'").rows).toEqual([
        { n: 0 },
      ]);
      expect(() => createTieredBackend({ hot, warm: env.WARM, tables: [POLICY] })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }));
});
