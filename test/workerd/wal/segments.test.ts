import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';

const open = (storage: DurableObjectStorage, options: Partial<Parameters<typeof changeLog>[0]> = {}) =>
  DB('t', { storage, extensions: [changeLog({ tables: '*', ...options }), timeTravel()] });

/** Resolves when the clock is behind this time. */
async function later(ms: number): Promise<void> {
  while (Date.now() <= ms) await scheduler.wait(1);
}

describe('segments', () => {
  for (const keyIndex of [false, true]) {
    it(`are read as one log and dropped as a whole, without a written row${keyIndex ? ', with an index' : ''}`, () =>
      inObject(async (storage) => {
        const db = await open(storage, { keyIndex });
        await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
        await db.run('INSERT INTO t VALUES (1, 0)');
        const points: number[] = [];
        for (let n = 1; n <= 6; n++) {
          await db.run('UPDATE t SET n = ?', [n]);
          points.push(db.log.head().lsn);
          expect(await db.log.rotate(), `rotation ${n}`).toBe(n <= 4);
        }
        expect(db.log.stats().segments).toHaveLength(5);
        const at = (lsn: number) => db.asOf({ lsn }).querySync('SELECT n FROM t').rows[0]?.['n'];
        expect(points.map(at)).toEqual([1, 2, 3, 4, 5, 6]);
        const { events } = await db.log.read();
        expect(events.filter(({ op }) => op === 'update').map(({ after }) => after!['n'])).toEqual([
          1, 2, 3, 4, 5, 6,
        ]);
        expect(await db.versions('t')).toHaveLength(7);
        const report = await db.log.prune({ before: { lsn: points[2]! + 1 } });
        expect(report.pruned).toBeGreaterThan(3);
        expect(report.horizon).toEqual(db.log.stats().horizon);
        expect(db.log.stats().segments).toHaveLength(2);
        expect(points.slice(3).map(at)).toEqual([4, 5, 6]);
        expect(() => at(points[1]!)).toThrow(
          expect.objectContaining({ code: 'HISTORY_UNAVAILABLE', horizon: report.horizon }),
        );
        await expect(db.log.read({ after: points[1]! })).rejects.toMatchObject({
          code: 'HISTORY_UNAVAILABLE',
        });
        await expect(
          db.query(`SELECT * FROM t FOR SYSTEM_TIME AS OF LSN ${points[1]}`),
        ).rejects.toMatchObject({
          code: 'HISTORY_UNAVAILABLE',
        });
        expect(
          (await db.query('SELECT count(*) AS n FROM _dosql_tx WHERE last_lsn < ?', [report.horizon.lsn]))
            .rows,
        ).toEqual([{ n: 0 }]);
      }));
  }

  it('never give a number a second time, also when everything is pruned', async () => {
    const stub = freshStub();
    const run = (work: (db: Awaited<ReturnType<typeof open>>) => Promise<number>) =>
      inObject(async (storage) => work(await open(storage)), stub);
    const before = await run(async (db) => {
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      await db.run('INSERT INTO t VALUES (1, 0), (2, 0)');
      const { lsn } = db.log.head();
      await db.log.prune({ before: Infinity });
      expect(db.log.stats().entries).toBe(1);
      expect(db.asOf(new Date()).querySync('SELECT count(*) AS n FROM t').rows).toEqual([{ n: 2 }]);
      return lsn;
    });
    await evictDurableObject(stub);
    await run(async (db) => {
      await db.run('UPDATE t SET n = 1');
      expect(db.log.head().lsn).toBe(before + 3);
      const { events } = await db.log.read();
      expect(events.map(({ lsn, tx }) => [lsn, tx.total])).toEqual([
        [before + 2, 2],
        [before + 3, 2],
      ]);
      for (let i = 0; i < 3; i++) await db.log.prune({ before: Infinity });
      return 0;
    });
  });

  it('are rotated and pruned by maintenance', () =>
    inObject(async (storage) => {
      const db = await open(storage, { retain: '2h' });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      const age = (ms: number) => storage.sql.exec('UPDATE _dosql_log SET ts = ts - ?', ms);
      const add = (n: number) =>
        db.run(
          `WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ${n}) INSERT INTO t (n) SELECT i FROM s`,
        );
      await add(200);
      expect((await db.maintenance()).extensions['log']).toMatchObject({ pruned: 0 });
      expect(db.log.stats().segments).toHaveLength(1);
      age(3_600_000);
      await db.maintenance();
      expect(db.log.stats().segments).toHaveLength(2);
      const { first, name } = db.log.stats().segments[0]!;
      storage.sql.exec(`UPDATE ${name} SET ts = ts - 7200000`);
      age(7_000_000);
      await add(200);
      const { extensions } = await db.maintenance();
      expect(extensions['log']).toMatchObject({ pruned: 201, horizon: { lsn: first + 201 } });
      expect(db.log.stats().tables).toHaveLength(1);
    }));

  it('are pruned one by one within the budget of maintenance, which goes on at the next call', () =>
    inObject(async (storage) => {
      const db = await open(storage, { retain: 0 });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      const held = await db.log.consumer('held');
      for (let n = 0; n < 4; n++) {
        await db.run('INSERT INTO t (n) VALUES (1), (2), (3)');
        await db.log.rotate();
      }
      // Entries of this very millisecond are not older than it.
      const { ts } = db.log.head();
      await later(ts);
      const { extensions: waiting } = await db.maintenance();
      expect(waiting['log']).toMatchObject({ pruned: 0, done: true, consumers: [{ name: 'held', lag: 16 }] });
      await held.ack(db.log.head().lsn);
      const segments = () => db.log.stats().segments.length;
      expect(segments()).toBe(5);
      const { done: none, extensions: idle } = await db.maintenance({ budgetMs: 0 });
      expect(none).toBe(false);
      expect(idle['log']).toMatchObject({ pruned: 0, done: false });
      expect(segments()).toBe(5);
      // The first piece of work begins in time, and waits behind this transaction until the time is up.
      const slow = db.transaction(async () => later(Date.now() + 20));
      const { extensions: some } = await db.maintenance({ budgetMs: 10 });
      await slow;
      expect(some['log']).toMatchObject({ pruned: db.log.stats().horizon.lsn - 1, done: false });
      expect(segments()).toBe(4);
      const { done, extensions: rest } = await db.maintenance();
      expect(done).toBe(true);
      const { lsn } = db.log.head();
      expect(rest['log']).toMatchObject({
        done: true,
        entries: 1,
        horizon: { lsn },
        segments: [{ first: lsn }],
      });
      expect((await db.query('SELECT count(*) AS n FROM _dosql_tx')).rows).toEqual([{ n: 0 }]);
      const again = (await db.maintenance()).extensions['log'];
      expect(again).toMatchObject({ pruned: 0, done: true });
      await expect(db.maintenance({ budgetMs: NaN })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));

  it('are reported by maintenance also where nothing is ever pruned', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      await db.log.consumer('slow', { from: 'start' });
      await db.run('INSERT INTO t VALUES (1, 1)');
      const { lsn } = db.log.head();
      expect((await db.maintenance()).extensions['log']).toEqual({
        pruned: 0,
        done: true,
        ...db.log.stats(),
      });
      expect(db.log.stats()).toMatchObject({
        entries: lsn,
        segments: [{ name: '_dosql_log', first: 1, last: lsn }],
        horizon: { lsn: 1 },
        consumers: [{ name: 'slow', acked: 0, lag: lsn, expired: false }],
      });
    }));

  it('keep an index that was asked for later out of the old ones', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      await db.run('INSERT INTO t VALUES (1, 0)');
      await db.run('UPDATE t SET n = 1');
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const db = await open(storage, { keyIndex: true });
      expect((await db.run('UPDATE t SET n = 2')).rowsWritten).toBe(3);
      const plan = (await db.asOf({ lsn: 2 }).query('EXPLAIN QUERY PLAN SELECT * FROM t WHERE id = 1')).rows;
      expect(JSON.stringify(plan)).toContain('_dosql_log_rid_');
      expect(db.asOf({ lsn: 2 }).querySync('SELECT n FROM t WHERE id = 1').rows).toEqual([{ n: 0 }]);
    }, stub);
  });

  it('forget with their entries what only those needed', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      await db.run('CREATE TABLE gone (id)');
      await db.run('INSERT INTO t VALUES (1, 1)');
      await db.run('ALTER TABLE t ADD COLUMN m INTEGER DEFAULT 7');
      await db.run('ALTER TABLE t DROP COLUMN n');
      await db.run('DROP TABLE gone');
      expect(JSON.stringify((await db.query('SELECT meta FROM _dosql_tab')).rows)).toMatch(/fill.*retired/);
      await db.log.prune({ before: Infinity });
      expect(db.log.stats().tables.map(({ name }) => name)).toEqual(['t']);
      const { lsn } = db.log.head();
      await db.run('UPDATE t SET m = 8');
      expect(db.asOf({ lsn }).querySync("SELECT id FROM t WHERE m = '7'").rows).toEqual([{ id: 1 }]);
      expect(JSON.stringify((await db.query('SELECT meta FROM _dosql_tab')).rows)).not.toContain('fill');
    }));

  it('of a later format are refused', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      await open(storage);
      storage.sql.exec("UPDATE _dosql_meta SET v = 2 WHERE k = 'format'");
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      await expect(open(storage)).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        message: expect.stringContaining('format 2'),
      });
    }, stub);
  });
});

describe('the clock', () => {
  it('never runs backwards in the log, also when the machine is behind', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      await db.run('INSERT INTO t VALUES (1, 0)');
      storage.sql.exec('UPDATE _dosql_log SET ts = ts + 3600000');
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.run('UPDATE t SET n = 1');
      db.log.emit('m');
      const { events } = await db.log.read();
      const times = events.map(({ ts }) => ts);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times.at(-1)).toBeGreaterThan(Date.now() + 3_000_000);
    }, stub);
  });
});
