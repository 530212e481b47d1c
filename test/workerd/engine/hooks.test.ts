import { describe, expect, it } from 'vitest';
import { DB, type EngineHost, type Extension } from '../../../src/index.ts';
import { inObject } from '../object.ts';

const probe = (install: (host: EngineHost) => void): Extension<object> => ({
  name: 'probe',
  install(host) {
    install(host);
    return {};
  },
});

describe('an extension', () => {
  it('hears of every rollback, and whether it was the outermost', () =>
    inObject(async (storage) => {
      const heard: string[] = [];
      const extension = probe((host) => {
        host.onRollback((outermost) => heard.push(outermost ? 'transaction' : 'savepoint'));
        host.onTransactionEnd((single) => heard.push(single ? 'single' : 'end'));
      });
      const db = await DB('t', { storage, extensions: [extension] });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY)');
      await db.run('INSERT INTO t VALUES (1)');
      await db.batch(['INSERT INTO t VALUES (2)']);
      await expect(db.batch(['INSERT INTO t VALUES (3)', 'INSERT INTO t VALUES (3)'])).rejects.toThrow();
      db.transactionSync((tx) => {
        expect(() => tx.transaction((inner) => inner.rollback())).toThrow();
      });
      await db.transaction(async (tx) => {
        await expect(tx.transaction(async (inner) => inner.rollback())).rejects.toThrow();
      });
      await expect(db.transaction(async (tx) => tx.rollback())).rejects.toThrow();
      expect(heard).toEqual([
        'single',
        'end',
        'transaction',
        'savepoint',
        'end',
        'savepoint',
        'end',
        'transaction',
      ]);
    }));

  it('puts a frame around a statement that keeps every care for its own text', () =>
    inObject(async (storage) => {
      const framed: string[] = [];
      const extension = probe((host) =>
        host.onPlan(({ sql, kind }) =>
          kind === 'write'
            ? {
                around(run) {
                  framed.push(sql.slice(0, 6));
                  return run();
                },
              }
            : undefined,
        ),
      );
      const db = await DB('t', { storage, extensions: [extension] });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)');
      const big = 9007199254740993n;
      expect(
        (await db.run('INSERT INTO t VALUES (1, ?) RETURNING n', [big], { integers: 'bigint' })).rows,
      ).toEqual([{ n: big }]);
      const rows = Array.from({ length: 120 }, (_, i) => i + 10);
      expect((await db.run(`INSERT INTO t (id) VALUES ${rows.map(() => '(?)')}`, rows)).changes).toBe(120);
      expect(framed).toEqual(['INSERT', 'INSERT']);
    }));

  it('hears of transactions of the storage itself that undo what the engine did, and of no others', () =>
    inObject(async (storage) => {
      const heard: boolean[] = [];
      const extension = probe((host) => host.onRollback((outermost) => heard.push(outermost)));
      const db = await DB('t', { storage, extensions: [extension] });
      const undone = (work: () => void) => {
        expect(() =>
          storage.transactionSync(() => {
            work();
            throw new Error('no');
          }),
        ).toThrow('no');
        return heard.splice(0);
      };
      expect(undone(() => storage.kv.put('a', 1))).toEqual([]);
      expect(undone(() => db.querySync('SELECT 1'))).toEqual([]);
      expect(undone(() => db.runSync('CREATE TABLE t (id)'))).toEqual([true]);
      await db.run('CREATE TABLE t (id)');
      expect(undone(() => db.runSync('INSERT INTO t VALUES (1)'))).toEqual([true]);
      expect(db.transactionSync((tx) => undone(() => tx.run('INSERT INTO t VALUES (1)')))).toEqual([false]);
      await storage.transaction(async (txn) => {
        await txn.put('a', 2);
        txn.rollback();
      });
      expect(heard).toEqual([]);
      await storage.transaction(async (txn) => {
        await db.run('INSERT INTO t VALUES (1)');
        txn.rollback();
      });
      expect(heard).toEqual([true]);
      expect((await db.query('SELECT * FROM t')).rows).toEqual([]);
    }));

  it('sees the end of every migration, inside its transaction', () =>
    inObject(async (storage) => {
      let ends = 0;
      const db = await DB('t', {
        storage,
        extensions: [probe((host) => host.onTransactionEnd(() => ends++))],
      });
      await db.migrate([
        { id: '1', sql: 'CREATE TABLE a (id)' },
        { id: '2', sql: 'CREATE TABLE b (id)' },
      ]);
      expect(ends).toBeGreaterThanOrEqual(2);
    }));
});

describe('handles on one storage', () => {
  it('know of a transaction that another one opened', () =>
    inObject(async (storage) => {
      const [one, other] = [await DB('one', { storage }), await DB('other', { storage })];
      await expect(one.transaction(() => other.query('SELECT 1'))).rejects.toMatchObject({
        code: 'USE_TRANSACTION_HANDLE',
      });
    }));
});
