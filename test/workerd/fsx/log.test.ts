import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createTieredBackend } from '../../../src/fsx/index.ts';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';
import { EVENTS, fill, POLICY, type Tiered } from './opened.ts';

const open = (hot: DurableObjectStorage, table = 'events') =>
  DB('logged', {
    storage: createTieredBackend({ hot, cold: env.BUCKET, tables: [{ ...POLICY, table }] }),
    extensions: [changeLog({ tables: '*' }), timeTravel()],
  });

describe('tiers under the change log', () => {
  it('archiving is no change, and what was logged before is told as before', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(EVENTS);
      await fill(db as unknown as Tiered, 1200);
      const { events: before } = await db.log.read({ limit: 10_000 });
      const { lsn } = db.log.head();
      const report = await db.maintenance();
      expect(report.extensions['tiers']).toMatchObject({ archived: { events: { rows: 1199 } } });
      const { events: after } = await db.log.read({ limit: 10_000 });
      expect(after).toEqual(before);
      expect((await db.log.read({ after: lsn, limit: 10_000 })).events).toEqual([]);
    }));

  it('an update of an archived row is an update with the row as it was', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(EVENTS);
      await fill(db as unknown as Tiered, 1200);
      const [old] = (await db.query('SELECT * FROM events WHERE id = 15', [])).rows;
      await db.maintenance();
      const { lsn } = db.log.head();
      await db.run("UPDATE events SET note = 'late' WHERE id = 15");
      await db.run('DELETE FROM events WHERE id = 16');
      await db.run("INSERT INTO events(id, at, note) VALUES (17, 1, 'again')");
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ op, key }) => `${op} ${key['id']}`)).toEqual([
        'update 15',
        'delete 16',
        'insert 17',
      ]);
      expect(events[0]).toMatchObject({ before: old, after: { ...old, note: 'late' }, changed: ['note'] });
      expect(events[1]!.before).toMatchObject({ id: 16 });
      const all = (await db.log.read({ limit: 10_000 })).events.filter(({ op }) => op !== 'schema');
      expect(all).toHaveLength(1203);
      // Archived a second time, and changed again.
      await db.run('UPDATE events SET at = 1000000000000 WHERE id = 15');
      await db.maintenance({ archiveOlderThan: 0 });
      await db.run("UPDATE events SET note = 'later' WHERE id = 15");
      const last = (await db.log.read({ limit: 10_000 })).events.at(-1)!;
      expect(last).toMatchObject({ op: 'update', before: { note: 'late' }, after: { note: 'later' } });
    }));

  it('a row that was archived for a while has no version more', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(EVENTS);
      await fill(db as unknown as Tiered, 10);
      await db.maintenance();
      await db.run("UPDATE events SET note = 'late'");
      const versions = await db.versions('events');
      expect(versions.filter(({ row_end }) => row_end === null)).toHaveLength(10);
      expect(versions).toHaveLength(20);
    }));

  it('rows of a table whose key is text keep their identity in the log', () =>
    inObject(async (storage) => {
      const db = await open(storage, 'docs');
      await db.run('CREATE TABLE docs (slug TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT)');
      for (let i = 0; i < 30; i++)
        await db.run('INSERT INTO docs VALUES (?, ?, ?)', [`doc ${i}'s`, 1e12 + i, `body ${i}`]);
      await db.maintenance();
      for (let i = 30; i < 40; i++)
        await db.run('INSERT INTO docs VALUES (?, ?, ?)', [`doc ${i}'s`, 1e12 + i, `body ${i}`]);
      await db.run("DELETE FROM docs WHERE slug >= 'doc 38'");
      await db.run("UPDATE docs SET body = 'new' WHERE slug = 'doc 3''s'");
      const { events } = await db.log.read({ limit: 10_000 });
      const last = events.at(-1)!;
      expect(last).toMatchObject({ op: 'update', before: { body: 'body 3' }, after: { body: 'new' } });
      expect(events.filter(({ op }) => op === 'insert')).toHaveLength(40);
      expect((await db.query('SELECT count(*) AS n FROM docs')).rows).toEqual([
        { n: 40 - events.filter(({ op }) => op === 'delete').length },
      ]);
    }));

  it('rows that come back into a table that was built anew are those that the log knows', () =>
    inObject(async (storage) => {
      const db = await open(storage, 'docs');
      await db.run('CREATE TABLE docs (slug TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT)');
      for (let i = 0; i < 6; i++) await db.run('INSERT INTO docs VALUES (?, ?, ?)', [`d${i}`, 1e12 + i, 'b']);
      await db.run("DELETE FROM docs WHERE slug = 'd1'");
      await db.maintenance();
      await db.run("INSERT INTO docs VALUES ('e1', 9e12, 'b'), ('e0', 9e12, 'b')");
      const { lsn } = db.log.head();
      const sql = `CREATE TABLE __new_docs (slug TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT DEFAULT 'x');
INSERT INTO __new_docs SELECT * FROM docs ORDER BY slug;
DROP TABLE docs;
ALTER TABLE __new_docs RENAME TO docs;`;
      await db.migrate([{ id: 'rebuild', sql }]);
      // Copies of what was there are no changes, whatever their order.
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ op }) => op)).toEqual(['schema', 'schema']);
      await db.run("INSERT INTO docs VALUES ('f', 9e12, 'b')");
      await db.run("UPDATE docs SET body = 'new'");
      const replica = new Map<unknown, unknown>();
      for (const { op, before, after } of (await db.log.read({ limit: 1000 })).events) {
        if (op === 'schema') continue;
        if (before) expect(replica.get(before['slug'])).toEqual(before);
        if (before) replica.delete(before['slug']);
        if (after) replica.set(after['slug'], after);
      }
      expect([...replica.keys()].sort()).toEqual(['d0', 'd2', 'd3', 'd4', 'd5', 'e0', 'e1', 'f']);
      expect(await db.query('SELECT DISTINCT body FROM docs').then(({ rows }) => rows)).toEqual([
        { body: 'new' },
      ]);
    }));

  it('the past of a table with archived rows is refused, of others it is not', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(EVENTS);
      await db.run('CREATE TABLE other (id INTEGER PRIMARY KEY)');
      await fill(db as unknown as Tiered, 1200);
      const { lsn } = db.log.head();
      expect(
        (await db.query(`SELECT count(*) AS n FROM events FOR SYSTEM_TIME AS OF LSN ${lsn}`)).rows,
      ).toEqual([{ n: 1200 }]);
      await db.maintenance();
      const refused = { code: 'HISTORY_UNAVAILABLE', table: 'events' };
      for (const clause of [`AS OF LSN ${lsn}`, 'ALL', `FROM LSN 1 TO LSN ${lsn}`])
        await expect(db.query(`SELECT * FROM events FOR SYSTEM_TIME ${clause}`)).rejects.toMatchObject(
          refused,
        );
      await expect(
        db.query(`SELECT * FROM other FOR SYSTEM_TIME AS OF LSN ${lsn} CROSS JOIN events`),
      ).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      await expect(db.asOf({ lsn }).query('SELECT * FROM events')).rejects.toMatchObject(refused);
      await expect(db.versions('events')).rejects.toMatchObject(refused);
      await expect(db.diff('events', { lsn: 1 }, { lsn })).rejects.toMatchObject(refused);
      expect((await db.query(`SELECT * FROM other FOR SYSTEM_TIME AS OF LSN ${lsn}`)).rows).toEqual([]);
    }));

  it('the past of a table whose rows were never put away can be read, also after an archive that failed', () =>
    inObject(async (storage) => {
      let down = true;
      const db = await DB('logged', {
        storage: createTieredBackend({
          hot: storage,
          cold: env.BUCKET,
          tables: [POLICY],
          onStep(step) {
            if (down && step === 'intended') throw new Error('R2 is down');
          },
        }),
        extensions: [changeLog({ tables: '*' }), timeTravel()],
      });
      await db.run(EVENTS);
      await fill(db as unknown as Tiered, 10);
      const { lsn } = db.log.head();
      await expect(db.maintenance()).rejects.toThrow('R2 is down');
      await db.run('UPDATE events SET at = 9000000000000');
      down = false;
      expect((await db.maintenance()).extensions['tiers']).toMatchObject({ recovered: 1 });
      expect((await db.asOf({ lsn }).query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 10 }]);
    }));
});
