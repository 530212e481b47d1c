import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';
import { changesAfter, type Logged, open } from './open.ts';

const fill = async (db: Logged, from: number, to: number) => {
  for (let i = from; i <= to; i++) await db.run('INSERT INTO t VALUES (?, ?)', [i, `v${i}`]);
};
const created = async (storage: DurableObjectStorage, options: Parameters<typeof open>[1] = {}) => {
  const db = await open(storage, options);
  await db.run('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v TEXT)');
  return db;
};

describe('consumers', () => {
  it('get the same batch until they acknowledge it, also after an eviction', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      const db = await created(storage);
      const consumer = await db.log.consumer('c');
      await fill(db, 1, 5);
      const ids = async () => (await consumer.drain({ limit: 2 })).events.map(({ key }) => key['id']);
      expect(await ids()).toEqual([1, 2]);
      expect(await ids()).toEqual([1, 2]);
      await (await consumer.drain({ limit: 2 })).ack();
      expect(await ids()).toEqual([3, 4]);
      const { acked } = await consumer.position();
      await consumer.ack(acked - 1);
      expect((await consumer.position()).acked).toBe(acked);
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const db = await created(storage);
      const consumer = await db.log.consumer('c');
      const batch = await consumer.drain();
      expect(batch.events.map(({ key }) => key['id'])).toEqual([3, 4, 5]);
      expect(batch.done).toBe(true);
      await batch.ack();
      expect(await consumer.drain()).toMatchObject({ events: [], done: true });
    }, stub);
  });

  it('begin where they are told, and see only their tables', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      await db.run('CREATE TABLE other (id INTEGER PRIMARY KEY)');
      await fill(db, 1, 2);
      await db.run('INSERT INTO other VALUES (7)');
      const { lsn } = db.log.head();
      const tables = async (options: Parameters<typeof db.log.consumer>[1], name: string) =>
        (await (await db.log.consumer(name, options)).drain()).events
          .filter(({ op }) => op === 'insert')
          .map(({ table }) => table);
      expect(await tables({ from: 'now' }, 'now')).toEqual([]);
      expect(await tables({ from: 'start' }, 'start')).toEqual(['t', 't', 'other']);
      expect(await tables({ from: lsn - 2 }, 'lsn')).toEqual(['t', 'other']);
      expect(await tables({ from: 'start', tables: ['OTHER'] }, 'filtered')).toEqual(['other']);
      const filtered = await (await db.log.consumer('filtered', { tables: ['t'] })).drain();
      expect(filtered.to).toBe(lsn);
      expect(filtered.events.filter(({ op }) => op === 'insert').map(({ table }) => table)).toEqual([
        't',
        't',
      ]);
    }));

  it('never get part of a transaction that fits, and are told when one does not', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      const consumer = await db.log.consumer('c');
      await fill(db, 1, 2);
      await db.batch([3, 4, 5].map((i) => [`INSERT INTO t VALUES (${i}, 'x')`]));
      const batch = async (limit: number) => {
        const { events, partial, ack } = await consumer.drain({ limit });
        await ack();
        return [events.map(({ key }) => key['id']), partial];
      };
      expect(await batch(3)).toEqual([[1, 2], false]);
      expect(await batch(2)).toEqual([[3, 4], true]);
      expect(await batch(2)).toEqual([[5], false]);
    }));

  it('never get part of a transaction that fits, after one that it did not fit', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      const before = db.log.head().lsn;
      await fill(db, 1, 2);
      await db.batch(Array.from({ length: 12 }, (_, i) => [`INSERT INTO t VALUES (${i + 3}, 'x')`]));
      const small = await db.log.consumer('small', { from: before });
      for (let i = 0; i < 2; i++) await (await small.drain({ limit: 2 })).ack();
      const large = await db.log.consumer('large', { from: before + 2 });
      expect((await large.drain({ limit: 20 })).events.length).toBe(12);
    }));

  it('note what they are about to deliver', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      const consumer = await db.log.consumer('c');
      await fill(db, 1, 3);
      const { to, ack } = await consumer.drain({ limit: 2 });
      await consumer.intend(to);
      expect(await consumer.position()).toMatchObject({ intent: to });
      await fill(db, 4, 9);
      const again = await consumer.drain({ to: (await consumer.position()).intent! });
      expect(again.events.map(({ key }) => key['id'])).toEqual([1, 2]);
      await ack();
      expect(await consumer.position()).toMatchObject({ acked: to, intent: null });
    }));

  it('hold the log back, or expire when they may', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      const slow = await db.log.consumer('slow', { maxLag: 3, onLag: 'expire' });
      const held = await db.log.consumer('held');
      await fill(db, 1, 5);
      expect((await db.log.prune({ before: Infinity })).pruned).toBe(0);
      await (await held.drain()).ack();
      expect((await db.log.prune({ before: Infinity })).pruned).toBeGreaterThan(0);
      await expect(slow.drain()).rejects.toMatchObject({
        code: 'CONSUMER_EXPIRED',
        horizon: { lsn: db.log.stats().horizon.lsn },
      });
      expect(db.log.stats().consumers).toEqual([
        expect.objectContaining({ name: 'held', expired: false }),
        expect.objectContaining({ name: 'slow', expired: true }),
      ]);
      expect((await held.drain()).events).toEqual([]);
      await slow.reset();
      await fill(db, 6, 6);
      expect((await slow.drain()).events.map(({ key }) => key['id'])).toEqual([6]);
      await slow.delete();
      await expect(slow.drain()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));

  it('expire when the log begins a new life', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      const consumer = await db.log.consumer('c');
      const { epoch } = db.log.head();
      expect(await db.log.renewEpoch()).not.toBe(epoch);
      await expect(consumer.drain()).rejects.toMatchObject({ code: 'CONSUMER_EXPIRED' });
      await consumer.reset('start');
      expect((await consumer.drain()).events).not.toEqual([]);
    }));
});

describe('messages', () => {
  it('are in the log in the order of the changes, in the transaction they were emitted in', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      const { lsn } = db.log.head();
      db.log.emit('alone');
      await db.transaction(async (tx) => {
        await tx.run("INSERT INTO t VALUES (1, 'x')");
        db.log.emit('mail', { to: ['a@b'], n: 1 });
        await tx.run("INSERT INTO t VALUES (2, 'y')");
      });
      expect(() =>
        db.transactionSync((tx) => {
          db.log.emit('never');
          tx.rollback();
        }),
      ).toThrow();
      db.log.emit('bytes', new Uint8Array([1, 0, 255]));
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ op, topic, payload, tx }) => [op, topic, payload, tx.index, tx.total])).toEqual([
        ['message', 'alone', null, 0, 1],
        ['insert', undefined, undefined, 0, 3],
        ['message', 'mail', { to: ['a@b'], n: 1 }, 1, 3],
        ['insert', undefined, undefined, 2, 3],
        ['message', 'bytes', new Uint8Array([1, 0, 255]), 0, 1],
      ]);
    }));
});

describe('the log', () => {
  it('gives a changed key as one event, wherever a range begins or ends', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      await db.run('CREATE TABLE w (k TEXT PRIMARY KEY, v) WITHOUT ROWID');
      await db.batch([
        "INSERT INTO t VALUES (1, 'a')",
        "INSERT INTO w VALUES ('x', 1)",
        'UPDATE t SET id = id + 1',
        "UPDATE w SET k = k || 'y'",
        "UPDATE t SET id = id + 1, v = 'b'",
      ]);
      const { events } = await db.log.read();
      const { lsn } = db.log.head();
      for (let after = 0; after <= lsn; after++) {
        for (let to = after; to <= lsn; to++) {
          const range = events.filter((event) => event.lsn > after && event.lsn <= to);
          expect((await db.log.read({ after, to })).events).toEqual(range);
        }
        const rest = await (await db.log.consumer(`from ${after}`, { from: after })).drain();
        expect(rest.events).toEqual(events.filter((event) => event.lsn > after));
      }
    }));

  it('is read outside of transactions only', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      await expect(db.transaction(() => db.log.read())).rejects.toMatchObject({
        code: 'USE_TRANSACTION_HANDLE',
      });
      await expect(db.transactionSync(() => ({ read: db.log.read() })).read).rejects.toMatchObject({
        code: 'DATABASE_BUSY',
      });
    }));

  it('says so when rows were replaced behind its back', () =>
    inObject(async (storage) => {
      const db = await created(storage);
      await fill(db, 1, 1);
      storage.sql.exec("REPLACE INTO t VALUES (1, 'raw')");
      storage.sql.exec('DELETE FROM t');
      await expect(db.log.read()).rejects.toMatchObject({ code: 'LOG_CORRUPT', table: 't' });
    }));

  it('tells rows apart whose keys are one number when rounded', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage, extensions: [changeLog({ tables: '*' }), timeTravel()] });
      const low = 2n ** 53n;
      const integers = 'number';
      for (const options of ['', 'WITHOUT ROWID']) {
        await db.run(`CREATE TABLE big (id INTEGER PRIMARY KEY, v TEXT) ${options}`);
        await db.run('INSERT INTO big VALUES (?, ?), (?, ?)', [low, 'a', low + 1n, 'b']);
        const { lsn } = db.log.head();
        await db.run("UPDATE big SET v = 'c' WHERE id = ?", [low + 1n]);
        await db.run('DELETE FROM big WHERE id = ?', [low]);
        await db.run('UPDATE big SET id = id + 1');
        const id = Number(low);
        const { events } = await db.log.read({ after: lsn, integers });
        expect(events).toMatchObject([
          { op: 'update', key: { id }, before: { id, v: 'b' }, after: { id, v: 'c' } },
          { op: 'delete', key: { id }, before: { id, v: 'a' } },
          { op: 'update', before: { id, v: 'c' }, after: { id: id + 2, v: 'c' }, changed: ['id'] },
        ]);
        const found = await db.diff('big', { lsn }, new Date(), { integers });
        expect(found.map(({ op, before }) => `${op} ${before?.['v'] ?? '-'}`).sort()).toEqual([
          'delete a',
          'delete b',
          'insert -',
        ]);
        const rows: unknown[] = [];
        let after: unknown[] | null | undefined;
        do {
          const chunk = await db.log.snapshot('big', { lsn, limit: 1, integers, ...(after && { after }) });
          rows.push(...chunk.rows);
          after = chunk.next;
        } while (after && rows.length < 3);
        expect(rows).toEqual([
          { id, v: 'a' },
          { id, v: 'b' },
        ]);
        await db.run('DROP TABLE big');
      }
    }));

  it('gives snapshots of tables as wide as can be tracked, with long keys', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      const columns = Array.from({ length: 94 }, (_, i) => `c${i}`);
      await db.run(`CREATE TABLE wide (${columns}, PRIMARY KEY (${columns.slice(0, 9)})) WITHOUT ROWID`);
      for (const n of [1, 2])
        await db.run(`INSERT INTO wide VALUES (${columns.map((_, i) => (i === 8 ? n : 0))})`);
      const { lsn } = db.log.head();
      const { next } = await db.log.snapshot('wide', { lsn, limit: 1 });
      expect(next).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1]);
      expect((await db.log.snapshot('wide', { lsn, after: next! })).rows).toMatchObject([{ c8: 2, c93: 0 }]);
    }));

  it('gives snapshots by the collation of the key, where it is not that of the column', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (k TEXT COLLATE NOCASE, PRIMARY KEY (k COLLATE BINARY)) WITHOUT ROWID');
      await db.run("INSERT INTO t VALUES ('a'), ('A'), ('b'), ('B')");
      const { lsn } = db.log.head();
      await db.run("UPDATE t SET k = 'c' WHERE k = 'a' COLLATE BINARY");
      const keys: unknown[] = [];
      let after: unknown[] | null | undefined;
      do {
        const { rows, next } = await db.log.snapshot('t', { lsn, limit: 1, ...(after && { after }) });
        keys.push(...rows.map(({ k }) => k));
        after = next;
      } while (after);
      expect(keys).toEqual(['A', 'B', 'a', 'b']);
    }));

  it('tells the infinities apart as keys', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE ends (at REAL PRIMARY KEY, v) WITHOUT ROWID');
      await db.run('INSERT INTO ends VALUES (9e999, 1), (-9e999, 2)');
      await db.run('UPDATE ends SET v = v + 10');
      expect(await changesAfter(db, 0)).toEqual([
        'insert ends: - → Infinity 1',
        'insert ends: - → -Infinity 2',
        'update ends: -Infinity 2 → -Infinity 12',
        'update ends: Infinity 1 → Infinity 11',
      ]);
    }));

  it('carries exact values of every kind', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE v (id INTEGER PRIMARY KEY, a)');
      const values = [
        2n ** 63n - 1n,
        -(2n ** 63n),
        9007199254740993n,
        0.1 + 0.2,
        5e-324,
        'a\0b',
        '😀',
        new Uint8Array([0, 1]),
        null,
      ];
      for (const value of values) await db.run('INSERT INTO v (a) VALUES (?)', [value]);
      const { lsn } = db.log.head();
      await db.run('DELETE FROM v');
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ before }) => before!['a'])).toEqual(values);
      const text = await db.log.read({ after: lsn, integers: 'string', limit: 1, to: lsn + 1 });
      expect(text.events[0]!.before!['a']).toBe('9223372036854775807');
    }));
});
