import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { DB, type Transaction } from '../../../src/index.ts';
import { freshStub, inObject } from '../object.ts';

const CREATE = 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE)';

async function opened(storage: DurableObjectStorage) {
  const db = await DB('t', { storage });
  await db.run(CREATE);
  const ids = async () =>
    (await db.query<{ id: number }>('SELECT id FROM t ORDER BY id')).rows.map((row) => row.id);
  return { db, ids, insert: (id: number) => db.run('INSERT INTO t (id) VALUES (?)', [id]) };
}

describe('asynchronous transactions', () => {
  it('keep nothing when the callback throws after an await', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const boom = new Error('boom');
      const attempt = db.transaction(async (tx) => {
        await tx.run('INSERT INTO t (id) VALUES (1)');
        await scheduler.wait(1);
        await tx.run('INSERT INTO t (id) VALUES (2)');
        throw boom;
      });
      await expect(attempt).rejects.toBe(boom);
      expect(await ids()).toEqual([]);
    }));

  it('commit when the callback resolves, and return its value', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const value = await db.transaction(async (tx) => {
        await tx.run('INSERT INTO t (id) VALUES (1)');
        await Promise.resolve();
        return (await tx.query('SELECT count(*) AS n FROM t')).rows[0];
      });
      expect(value).toEqual({ n: 1 });
      expect(await ids()).toEqual([1]);
    }));

  it('nest as savepoints: an inner failure keeps the outer writes', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      await db.transaction(async (tx) => {
        await tx.run('INSERT INTO t (id) VALUES (1)');
        await expect(
          tx.transaction(async (inner) => {
            await inner.run('INSERT INTO t (id) VALUES (2)');
            await scheduler.wait(1);
            await inner.transaction(async (third) => {
              await third.run('INSERT INTO t (id) VALUES (3)');
            });
            inner.rollback();
          }),
        ).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' });
        await tx.transaction(async (inner) => {
          await inner.run('INSERT INTO t (id) VALUES (4)');
        });
      });
      expect(await ids()).toEqual([1, 4]);
    }));

  it('run parallel ones one after the other, nested ones too', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const log: string[] = [];
      const step = (name: string, id: number) => async (tx: Transaction) => {
        log.push(`${name} in`);
        await tx.run('INSERT INTO t (id) VALUES (?)', [id]);
        await scheduler.wait(1);
        log.push(`${name} out`);
      };
      await Promise.all([db.transaction(step('a', 1)), db.transaction(step('b', 2))]);
      await db.transaction((tx) => Promise.all([tx.transaction(step('c', 3)), tx.transaction(step('d', 4))]));
      expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out', 'd in', 'd out']);
      expect(await ids()).toEqual([1, 2, 3, 4]);
    }));

  it('hold back concurrent calls, which are neither inside nor rolled back', () =>
    inObject(async (storage) => {
      const { db, ids, insert } = await opened(storage);
      let outside: Promise<unknown> | undefined;
      let release = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const failing = db.transaction(async (tx) => {
        await tx.run('INSERT INTO t (id) VALUES (1)');
        // Resumes the code below by microtask, inside the platform's transaction.
        release();
        await Promise.resolve();
        await tx.query('SELECT 1');
        throw new Error('boom');
      });
      const caller = gate.then(() => {
        outside = insert(2);
        return outside;
      });
      await expect(failing).rejects.toThrow('boom');
      await caller;
      expect(await ids()).toEqual([2]);
    }));

  it('have their turn in the order of the calls', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      await Promise.all([
        db.transaction(async (tx) => void (await tx.run('INSERT INTO t (id) SELECT count(*) + 1 FROM t'))),
        db.run('INSERT INTO t (id) SELECT count(*) + 10 FROM t'),
        db.transaction(async (tx) => void (await tx.run('INSERT INTO t (id) SELECT count(*) + 100 FROM t'))),
        db.batch(['INSERT INTO t (id) SELECT count(*) + 1000 FROM t']),
      ]);
      expect(await ids()).toEqual([1, 11, 102, 1003]);
    }));

  it('refuse the database handle inside the callback instead of waiting for themselves', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      await db.transaction(async (tx) => {
        await tx.run('INSERT INTO t (id) VALUES (1)');
        await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'USE_TRANSACTION_HANDLE' });
        await expect(db.transaction(async () => {})).rejects.toMatchObject({
          code: 'USE_TRANSACTION_HANDLE',
        });
        await expect(db.batch(['SELECT 1'])).rejects.toMatchObject({ code: 'USE_TRANSACTION_HANDLE' });
        expect(() => db.querySync('SELECT 1')).toThrow(
          expect.objectContaining({ code: 'USE_TRANSACTION_HANDLE' }),
        );
        await tx.transaction(async () => {
          await expect(tx.query('SELECT 1')).rejects.toMatchObject({ code: 'USE_TRANSACTION_HANDLE' });
          await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'USE_TRANSACTION_HANDLE' });
        });
      });
      expect(await ids()).toEqual([1]);
    }));

  it('leave dead handles when they settle', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      let kept: Transaction | undefined;
      await db.transaction(async (tx) => {
        kept = tx;
      });
      const tx = kept!;
      for (const call of [
        () => tx.run('INSERT INTO t (id) VALUES (1)'),
        () => tx.batch(['SELECT 1']),
        () => tx.transaction(async () => {}),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'TRANSACTION_CLOSED' });
      }
      expect(() => tx.querySync('SELECT 1')).toThrow(expect.objectContaining({ code: 'TRANSACTION_CLOSED' }));
      expect(await ids()).toEqual([]);
    }));

  it('are closed to iterators that were made outside, or that outlive them', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const insert = 'INSERT INTO t (id) VALUES (1) RETURNING id';
      const outside = [db.iterate(insert), db.iterate('SELECT 1')];
      let kept: IterableIterator<unknown> | undefined;
      await db.transaction(async (tx) => {
        kept = tx.iterate(insert);
        for (const iterator of outside) {
          expect(() => iterator.next()).toThrow(expect.objectContaining({ code: 'USE_TRANSACTION_HANDLE' }));
        }
      });
      expect(() => kept!.next()).toThrow(expect.objectContaining({ code: 'TRANSACTION_CLOSED' }));
      expect(await ids()).toEqual([]);
    }));

  it('fail at their deadline and roll back, also when the callback swallows the error', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const attempt = db.transaction(
        async (tx) => {
          await tx.run('INSERT INTO t (id) VALUES (1)');
          const end = Date.now() + 20;
          while (Date.now() < end) await Promise.resolve();
          await tx.run('INSERT INTO t (id) VALUES (2)').catch(() => {});
        },
        { timeoutMs: 10 },
      );
      await expect(attempt).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
      expect(await ids()).toEqual([]);
    }));

  it('fail at their deadline when the callback waits for something that never comes', () =>
    inObject(async (storage) => {
      const { db, ids, insert } = await opened(storage);
      const attempt = db.transaction(
        async (tx) => {
          await tx.run('INSERT INTO t (id) VALUES (1)');
          await new Promise(() => {});
        },
        { timeoutMs: 50 },
      );
      await expect(attempt).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
      await insert(2);
      expect(await ids()).toEqual([2]);
    }));

  it('fail at their deadline whether it comes within a nested one or after it', () =>
    inObject(async (storage) => {
      const { db, ids, insert } = await opened(storage);
      const never = new Promise<void>(() => {});
      const deep = (tx: Transaction, levels: number): Promise<void> =>
        tx.transaction(async (inner) => {
          await inner.run('INSERT INTO t (id) VALUES (?)', [levels]);
          await (levels ? deep(inner, levels - 1) : never);
        });
      for (const work of [
        (tx: Transaction) => deep(tx, 0),
        (tx: Transaction) => deep(tx, 2),
        async (tx: Transaction) => {
          await tx.transaction((inner) => inner.run('INSERT INTO t (id) VALUES (3)'));
          await never;
        },
      ]) {
        const attempt = db.transaction(work, { timeoutMs: 30 });
        await expect(attempt).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
        expect(await ids()).toEqual([]);
      }
      await insert(4);
      expect(await ids()).toEqual([4]);
    }));

  it('fail at their deadline while others pause after a long run', async () => {
    const stub = freshStub();
    const attempt = (work: (tx: Transaction) => Promise<unknown>) =>
      inObject(async (storage) => {
        const db = await DB('t', { storage });
        return db.transaction(work, { timeoutMs: 60 }).catch(({ code }) => code);
      }, stub);
    const never = () => new Promise<never>(() => {});
    const quick = (tx: Transaction) => tx.query('SELECT 1');
    const all = [never, quick, quick, (tx: Transaction) => tx.transaction(never), quick, never, quick];
    const ends = await Promise.all(all.map(attempt));
    expect(ends.map((end) => typeof end)).toEqual(all.map((work) => (work === quick ? 'object' : 'string')));
  });

  it('survive a failed statement that is caught, and keep what came before it', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      await db.transaction(async (tx) => {
        await tx.run("INSERT INTO t VALUES (1, 'a')");
        await expect(tx.run("INSERT INTO t VALUES (2, 'b'), (3, 'a')")).rejects.toMatchObject({
          code: 'UNIQUE_VIOLATION',
          table: 't',
          columns: ['v'],
        });
        await tx.run("INSERT INTO t VALUES (4, 'd')");
      });
      expect(await ids()).toEqual([1, 4]);
    }));

  it('let others in during a long run of them', () =>
    inObject(async (storage) => {
      const { db, ids, insert } = await opened(storage);
      let runs = 0;
      let done = false;
      const loop = (async () => {
        while (!done && runs < 500) {
          runs++;
          await db.transaction(async (tx) => {
            await tx.query('SELECT 1');
          });
        }
      })();
      // Without a pause in the loop this timer fires only when the loop has ended.
      await scheduler.wait(1);
      await insert(1);
      done = true;
      await loop;
      expect(runs).toBeLessThan(500);
      expect(await ids()).toEqual([1]);
    }));

  it('do not stand in the way of a request that blocks all others, during a long run of them', async () => {
    const stub = freshStub();
    let done = false;
    await inObject(async (storage) => {
      const { insert } = await opened(storage);
      await insert(0);
    }, stub);
    const loop = inObject(async (storage) => {
      const db = await DB('t', { storage });
      while (!done) await db.transaction((tx) => tx.query('SELECT 1'));
    }, stub);
    for (let i = 1; i <= 5; i++) {
      await inObject(async (storage, ctx) => {
        const db = await DB('t', { storage });
        await ctx.blockConcurrencyWhile(async () => {
          await db.run('INSERT INTO t (id) VALUES (?)', [i]);
          await db.transaction((tx) => tx.run('UPDATE t SET v = id WHERE id = ?', [i]));
        });
      }, stub);
    }
    done = true;
    await loop;
    await inObject(async (storage) => {
      const { rows } = await (await DB('t', { storage })).query('SELECT v FROM t', [], { rows: 'values' });
      expect(rows).toEqual([[null], ['1'], ['2'], ['3'], ['4'], ['5']]);
    }, stub);
  });

  it("keep the caller's AsyncLocalStorage context, also after waiting for their turn", () =>
    inObject(async (storage) => {
      const { db } = await opened(storage);
      const request = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      const work = (name: string) =>
        request.run(name, async () => {
          await db.transaction(async (tx) => {
            await scheduler.wait(1);
            seen.push([name, request.getStore()]);
            await tx.query('SELECT 1');
            seen.push([name, request.getStore()]);
          });
          await db.query('SELECT 1');
          seen.push([name, request.getStore()]);
        });
      await Promise.all(['a', 'b', 'c'].map(work));
      expect(seen).toHaveLength(9);
      for (const [name, store] of seen as [string, string][]) expect(store).toBe(name);
    }));

  it('wait for nested work that nobody awaited', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      await db.transaction(async (tx) => {
        void tx.transaction(async (inner) => {
          await scheduler.wait(1);
          await inner.run('INSERT INTO t (id) VALUES (1)');
        });
      });
      expect(await ids()).toEqual([1]);
    }));
});

describe('synchronous transactions', () => {
  it('roll back when the callback throws, and nest', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      db.transactionSync((tx) => {
        tx.run('INSERT INTO t (id) VALUES (1)');
        expect(() =>
          tx.transaction((inner) => {
            inner.run('INSERT INTO t (id) VALUES (2)');
            inner.rollback();
          }),
        ).toThrow(expect.objectContaining({ code: 'TRANSACTION_ROLLED_BACK' }));
      });
      expect(() =>
        db.transactionSync((tx) => {
          tx.run('INSERT INTO t (id) VALUES (3)');
          throw new Error('boom');
        }),
      ).toThrow('boom');
      expect(await ids()).toEqual([1]);
    }));

  it('refuse a promise and roll back', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      expect(() =>
        db.transactionSync(async (tx) => {
          tx.run('INSERT INTO t (id) VALUES (1)');
        }),
      ).toThrow(expect.objectContaining({ code: 'ASYNC_IN_SYNC_TRANSACTION' }));
      expect(await ids()).toEqual([]);
    }));

  it('leave dead handles', () =>
    inObject(async (storage) => {
      const { db } = await opened(storage);
      const tx = db.transactionSync((tx) => [tx])[0]!;
      expect(() => tx.run('INSERT INTO t (id) VALUES (1)')).toThrow(
        expect.objectContaining({ code: 'TRANSACTION_CLOSED' }),
      );
    }));

  it('are refused with a clear error while an asynchronous one runs elsewhere', () =>
    inObject(async (storage) => {
      const { db } = await opened(storage);
      let inside = () => {};
      const entered = new Promise<void>((resolve) => {
        inside = resolve;
      });
      const running = db.transaction(async (tx) => {
        inside();
        await tx.query('SELECT 1');
      });
      await entered.then(() => {
        expect(() => db.querySync('SELECT 1')).toThrow(expect.objectContaining({ code: 'DATABASE_BUSY' }));
      });
      await running;
      expect(db.querySync('SELECT 1 AS a').rows).toEqual([{ a: 1 }]);
    }));
});

describe('batch', () => {
  it('is all or nothing and answers in order', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const results = await db.batch([
        ['INSERT INTO t VALUES (?, ?)', [1, 'a']],
        'SELECT count(*) AS n FROM t',
        ['DELETE FROM t WHERE id = :id', { id: 1 }],
      ]);
      expect(results.map(({ rows, changes }) => ({ rows, changes }))).toEqual([
        { rows: [], changes: 1 },
        { rows: [{ n: 1 }], changes: 0 },
        { rows: [], changes: 1 },
      ]);
      await expect(
        db.batch(["INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (2, 'a')"]),
      ).rejects.toMatchObject({ code: 'UNIQUE_VIOLATION' });
      expect(await ids()).toEqual([]);
    }));
});

describe('two handles on one storage', () => {
  it('share the lock', () =>
    inObject(async (storage) => {
      const { db, ids } = await opened(storage);
      const other = await DB('other', { storage });
      const failing = db.transaction(async (tx) => {
        await tx.run('INSERT INTO t (id) VALUES (1)');
        await scheduler.wait(1);
        throw new Error('boom');
      });
      const second = other.run('INSERT INTO t (id) VALUES (2)');
      await expect(failing).rejects.toThrow('boom');
      await second;
      expect(await ids()).toEqual([2]);
    }));
});
