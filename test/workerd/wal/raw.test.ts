import { describe, expect, it } from 'vitest';
import { liveTail } from '../../../src/cdc/index.ts';
import { inObject } from '../object.ts';
import { changesAfter, type Logged, open } from './open.ts';

const TABLES = 'CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE b (id INTEGER PRIMARY KEY)';

async function sizesAfter(db: Logged, after: number): Promise<number[]> {
  return (await db.log.read({ after })).events.map(({ tx }) => tx.total);
}

describe('a transaction of the storage itself that is rolled back', () => {
  const rollbacks: Record<string, (storage: DurableObjectStorage, work: () => void) => Promise<void>> = {
    'by an error, synchronously': async (storage, work) =>
      expect(() =>
        storage.transactionSync(() => {
          work();
          throw new Error('no');
        }),
      ).toThrow('no'),
    'by an error': (storage, work) =>
      expect(
        storage.transaction(async () => {
          work();
          throw new Error('no');
        }),
      ).rejects.toThrow('no'),
    'by rollback()': (storage, work) =>
      storage.transaction(async (txn) => {
        work();
        txn.rollback();
      }),
  };

  for (const [how, rollback] of Object.entries(rollbacks))
    it(`leaves nothing of what ran through the handle, ${how}`, () =>
      inObject(async (storage) => {
        const db = await open(storage);
        await db.run(TABLES);
        const { lsn } = db.log.head();
        await rollback(storage, () => {
          for (let id = 1; id <= 5; id++) db.runSync('INSERT INTO b VALUES (?)', [id]);
          db.runSync('CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT, q TEXT, r TEXT, s REAL)');
        });
        expect(db.log.head().lsn).toBe(lsn);
        await db.batch(["INSERT INTO a VALUES (1, 'x')", 'INSERT INTO b VALUES (1)']);
        expect(await sizesAfter(db, lsn)).toEqual([2, 2]);
        await db.run('CREATE TABLE c (id INTEGER PRIMARY KEY, p TEXT, q TEXT, r TEXT, s REAL)');
        const after = db.log.head().lsn;
        await db.run("INSERT INTO c VALUES (1, 'p', 'q', 'r', 0.5)");
        await db.run('UPDATE c SET s = 1.5');
        expect(await changesAfter(db, after)).toEqual([
          'insert c: - → 1 p q r 0.5',
          'update c: 1 p q r 0.5 → 1 p q r 1.5',
        ]);
      }));

  it('is told to nobody, not even while it is open', () =>
    inObject(async (storage, ctx) => {
      const db = await open(storage);
      await db.run(TABLES);
      const { 0: client, 1: server } = new WebSocketPair();
      ctx.acceptWebSocket(server);
      client.accept();
      const told: string[] = [];
      const all = new Promise<void>((resolve) =>
        client.addEventListener('message', ({ data }) => {
          const { type, events } = JSON.parse(data as string);
          for (const { key } of events ?? []) told.push(key.id);
          if (type === 'changes' && events.at(-1).key.id === 3) resolve();
        }),
      );
      await liveTail(db, server);
      const writing = (id: number) => async (txn: DurableObjectTransaction) => {
        await db.run('INSERT INTO b VALUES (?)', [id]);
        // A transaction that fails takes nothing of the others along.
        await expect(db.batch(['DELETE FROM b', 'SELEC'])).rejects.toMatchObject({ code: 'SYNTAX_ERROR' });
        await crypto.subtle.digest('SHA-256', new Uint8Array(1));
        if (id === 1) txn.rollback();
      };
      await storage.transaction(writing(1));
      await storage.transaction(writing(3));
      await all;
      expect(told).toEqual([3]);
    }));

  it('inside a transaction of the handle undoes its own part only', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(TABLES);
      const { lsn } = db.log.head();
      await db.transaction(async (tx) => {
        await tx.run('INSERT INTO b VALUES (1)');
        expect(() =>
          storage.transactionSync(() => {
            tx.runSync('INSERT INTO b VALUES (2)');
            throw new Error('no');
          }),
        ).toThrow('no');
        await tx.run('INSERT INTO b VALUES (3)');
      });
      expect(await changesAfter(db, lsn)).toEqual(['insert b: - → 1', 'insert b: - → 3']);
      expect(await sizesAfter(db, lsn)).toEqual([2, 2]);
    }));
});
