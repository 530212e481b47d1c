import { env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createTieredBackend, type TieredOptions } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';
import { DAY, EVENTS, fill, POLICY, TOTALS } from './opened.ts';

const FIRST = { id: '1', sql: `${EVENTS}; CREATE TABLE orders (at INTEGER, total REAL)` };
const BACKEND = { cold: env.BUCKET, tables: [POLICY] };
const WHOLE = [{ n: 20, ids: 20, sum: 210 }];

const deploy = (hot: DurableObjectStorage, options: Partial<TieredOptions>, ...migrations: string[]) =>
  DB('tiered', {
    storage: createTieredBackend({ hot, ...options }),
    migrations: [FIRST, ...migrations.map((sql, i) => ({ id: `${i + 2}`, sql }))],
  });

/** A new object with archived rows, evicted. */
async function archived() {
  const stub = freshStub();
  await inObject(async (hot) => {
    const db = await deploy(hot, BACKEND);
    await fill(db, 20);
    expect((await db.maintenance()).extensions['tiers']).toMatchObject({
      archived: { events: { rows: 19 } },
    });
  }, stub);
  await evictDurableObject(stub);
  return stub;
}

describe('a newer deployment of an object with archived rows', () => {
  const ORDERS = { table: 'orders', by: 'at', unit: 'ms', hot: '1d' } as const;

  it('may have a policy that its own migrations make possible', async () => {
    const stub = await archived();
    await inObject(async (hot) => {
      const options = { cold: env.BUCKET, tables: [{ ...POLICY, by: 'happened' }] };
      const db = await deploy(hot, options);
      await expect(db.query(TOTALS)).rejects.toMatchObject({ code: 'NO_SUCH_COLUMN' });
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (hot) => {
      const options = { cold: env.BUCKET, tables: [{ ...POLICY, by: 'happened' }, ORDERS] };
      const db = await deploy(
        hot,
        options,
        'ALTER TABLE events RENAME COLUMN at TO happened',
        'CREATE TABLE __new_orders (id INTEGER PRIMARY KEY, at INTEGER, total REAL); INSERT INTO __new_orders (at, total) SELECT at, total FROM orders; DROP TABLE orders; ALTER TABLE __new_orders RENAME TO orders',
      );
      expect((await db.query(TOTALS)).rows).toEqual(WHOLE);
      const found = await db.query('SELECT count(*) AS n FROM events WHERE happened < ?', [Date.now() - DAY]);
      expect(found.rows).toEqual([{ n: 20 }]);
      await db.run('INSERT INTO orders VALUES (1, ?, 0.5), (2, ?, 1.5)', [Date.now() - 2 * DAY, Date.now()]);
      const report = await db.maintenance();
      expect(report.extensions['tiers']).toMatchObject({ archived: { orders: { rows: 1 } } });
      expect((await db.query('SELECT count(*) AS n FROM orders')).rows).toEqual([{ n: 2 }]);
    }, stub);
  });

  it('may have been opened without the archive, or without policies, before in the same instance', async () => {
    const stub = await archived();
    await inObject(async (hot) => {
      const refused = { code: 'FEATURE_NOT_ENABLED' };
      const without = await deploy(hot, {});
      await expect(without.query(TOTALS)).rejects.toMatchObject(refused);
      await expect(deploy(hot, {}, 'CREATE TABLE more (id)')).rejects.toMatchObject(refused);
      const db = await deploy(hot, BACKEND, 'CREATE TABLE more (id)');
      expect((await db.query(TOTALS)).rows).toEqual(WHOLE);
      expect((await without.query(TOTALS)).rows).toEqual(WHOLE);
    }, stub);
    await inObject(async (hot) => {
      const [before] = await Promise.all([deploy(hot, { cold: env.BUCKET }), deploy(hot, {})]);
      await fill(before, 20);
      expect((await before.maintenance()).extensions).toEqual({});
      const [db] = await Promise.all([deploy(hot, BACKEND), deploy(hot, BACKEND)]);
      const report = await db.maintenance();
      expect(report.extensions['tiers']).toMatchObject({ archived: { events: { rows: 19 } } });
      expect((await before.query(TOTALS)).rows).toEqual(WHOLE);
    });
  });
});

describe('a deployment without the change log', () => {
  const opened = (hot: DurableObjectStorage, log: boolean) =>
    DB('tiered', {
      storage: createTieredBackend({ hot, ...BACKEND }),
      migrations: [FIRST],
      extensions: log ? [changeLog({ tables: ['events'] })] : [],
    }) as ReturnType<typeof DB<[ReturnType<typeof changeLog>]>>;

  it('archives and brings back rows so that a later one can read what happened to them', async () => {
    const stub = freshStub();
    await inObject(async (hot) => {
      const db = await opened(hot, true);
      await fill(db, 6);
      await db.run("UPDATE events SET note = 'one' WHERE id = 3");
      await db.run('DELETE FROM events WHERE id = 5');
      await db.log.rotate();
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (hot) => {
      const db = await opened(hot, false);
      expect((await db.maintenance()).extensions['tiers']).toMatchObject({
        archived: { events: { rows: 4 } },
      });
      await db.run("UPDATE events SET note = 'two' WHERE id IN (3, 4)");
      await db.maintenance();
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (hot) => {
      const db = await opened(hot, true);
      await db.run("UPDATE events SET note = 'three' WHERE id = 4");
      const { events } = await db.log.read({ after: 0 });
      const told = events.flatMap(({ op, key, before, after }) =>
        op === 'schema' ? [] : [[op, key?.['id'], before?.['note'], after?.['note']]],
      );
      expect(told).toEqual([
        ...[1, 2, 3, 4, 5, 6].map((id) => ['insert', id, undefined, id % 2 ? `n${id}` : null]),
        ['update', 3, 'n3', 'one'],
        ['delete', 5, 'n5', undefined],
        ['update', 3, 'one', 'two'],
        ['update', 4, null, 'two'],
        ['update', 4, 'two', 'three'],
      ]);
    }, stub);
  });
});

describe('a tiered table that was changed behind the handle', () => {
  const open = (hot: DurableObjectStorage, table = 'events') =>
    deploy(hot, { ...BACKEND, tables: [{ ...POLICY, table }] });
  /** Another instance opens the object after `sql`. */
  async function behind<T>(sql: string, work: (hot: DurableObjectStorage) => Promise<T>): Promise<T> {
    const stub = await archived();
    await inObject((hot) => void hot.sql.exec(sql), stub);
    await evictDurableObject(stub);
    return inObject(work, stub);
  }

  it('keeps its archived rows under another name', () =>
    behind('ALTER TABLE events RENAME TO happenings', async (hot) => {
      const db = await open(hot, 'Happenings');
      expect((await db.query(TOTALS.replace('events', 'happenings'))).rows).toEqual(WHOLE);
      await db.run('DELETE FROM happenings WHERE id = 3');
      const { rows } = await db.query('SELECT count(*) AS n FROM happenings');
      expect(rows).toEqual([{ n: 19 }]);
    }));

  it('is refused when the names of its columns leave open what was renamed, until that is undone', () =>
    behind('ALTER TABLE events RENAME COLUMN amount TO price', async (hot) => {
      const refused = { code: 'UNSUPPORTED_STATEMENT', columns: ['price'] };
      await expect(open(hot)).rejects.toMatchObject(refused);
      await expect(open(hot)).rejects.toMatchObject(refused);
      hot.sql.exec('ALTER TABLE events RENAME COLUMN price TO amount');
      const { rows } = await (await open(hot)).query('SELECT count(amount) AS n FROM events');
      expect(rows).toEqual([{ n: 20 }]);
    }));

  it('has defaults in columns that were added, and its rows when it was copied', () =>
    behind(
      `${EVENTS.replace('events', 'copy').replace('note)', "note, more DEFAULT 'm')")}; INSERT INTO copy SELECT *, 'c' FROM events; DROP TABLE events; ALTER TABLE copy RENAME TO events`,
      async (hot) => {
        const db = await open(hot);
        expect((await db.query(TOTALS)).rows).toEqual(WHOLE);
        await db.run('INSERT INTO events (at) VALUES (1)');
        const { rows } = await db.query('SELECT more, count(*) AS n FROM events GROUP BY more');
        expect(rows).toEqual([
          { more: 'c', n: 1 },
          { more: 'm', n: 20 },
        ]);
      },
    ));
});
