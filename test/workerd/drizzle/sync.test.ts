import { eq, inArray, sql } from 'drizzle-orm';
import { DrizzleError } from 'drizzle-orm/errors';
import { describe, expect, test } from 'vitest';
import { drizzle as drizzleAsync } from '../../../drizzle/index.ts';
import { migrate } from '../../../drizzle/migrator.ts';
import { drizzle } from '../../../drizzle/sync.ts';
import { DosqlError } from '../../../src/errors/index.ts';
import { inObject } from '../object.ts';
import { comments, posts, schema, seed, users } from './schema.ts';

const inDb = <T>(work: (db: ReturnType<typeof open>, storage: DurableObjectStorage) => T) =>
  inObject((storage) => work(open(storage), storage));
const open = (storage: DurableObjectStorage) => {
  seed(storage);
  return drizzle(storage, { schema });
};

describe('the synchronous entry', () => {
  test('answers from run what the official driver does not', () =>
    inDb((db) => {
      const result = db
        .insert(comments)
        .values([{ postId: 1 }, { postId: 1 }])
        .run();
      expect([
        result.changes,
        result.rowsAffected,
        result.lastInsertRowid,
        result.rowsWritten,
        result.rows,
      ]).toEqual([2, 2, 5, 2, []]);
      db.delete(comments).run();
      expect(result.changes).toBe(2);
      const expired = db.delete(posts).run();
      db.delete(users).run();
      expect(() => expired.changes).toThrow(expect.objectContaining({ code: 'RESULT_EXPIRED' }));
    }));

  test('throws DosqlErrors with the message of SQLite', () =>
    inDb((db) => {
      expect(() => db.insert(users).values({ id: 1, name: 'x' }).run()).toThrow(DosqlError);
      expect(() => db.insert(users).values({ id: 1, name: 'x' }).run()).toThrow(
        /UNIQUE constraint failed: users\.id/,
      );
      expect(() => db.run(sql`select * from nowhere`)).toThrow(DrizzleError);
      expect(() => db.run(sql`select * from nowhere`)).toThrow(
        expect.objectContaining({ cause: expect.objectContaining({ code: 'NO_SUCH_TABLE' }) }),
      );
    }));

  test('refuses a promise from a transaction and rolls back', () =>
    inDb(async (db) => {
      const work = () =>
        db.transaction(async (tx) => {
          tx.delete(users).run();
        });
      expect(work).toThrow(expect.objectContaining({ code: 'ASYNC_IN_SYNC_TRANSACTION' }));
      expect(await db.$count(users)).toBe(3);
    }));

  test('leaves a dead transaction handle behind', () =>
    inDb((db) => {
      const tx = db.transaction((inner) => inner);
      expect(() => tx.select().from(users).all()).toThrow(
        expect.objectContaining({ code: 'TRANSACTION_CLOSED' }),
      );
      expect(() => tx.transaction(() => 1)).toThrow(expect.objectContaining({ code: 'TRANSACTION_CLOSED' }));
    }));

  test('is DATABASE_BUSY while an asynchronous transaction runs', () =>
    inDb(async (db, storage) => {
      const other = drizzleAsync(storage);
      const started = Promise.withResolvers<void>();
      const running = other.transaction(async (tx) => {
        await tx.delete(comments);
        started.resolve();
        await storage.get('anything');
      });
      await started.promise;
      expect(() => db.select().from(users).all()).toThrow(expect.objectContaining({ code: 'DATABASE_BUSY' }));
      await running;
      expect(db.select().from(comments).all()).toEqual([]);
    }));

  test('takes lists of any length', () =>
    inDb((db) => {
      const ids = Array.from({ length: 5000 }, (_, i) => i + 2);
      expect(db.select({ id: users.id }).from(users).where(inArray(users.id, ids)).all()).toEqual([
        { id: 2 },
        { id: 3 },
      ]);
    }));

  test('works inside transactions of the Database itself', () =>
    inDb(async (db) => {
      expect(() =>
        db.$client.transactionSync(() => {
          db.delete(users).where(eq(users.id, 1)).run();
          throw new Error('no');
        }),
      ).toThrow('no');
      expect(await db.$count(users)).toBe(3);
    }));
});

describe('migrate', () => {
  const old = {
    journal: {
      entries: [
        { idx: 0, when: 1, tag: '0000_a', breakpoints: true },
        { idx: 1, when: 2, tag: '0001_b', breakpoints: true },
      ],
    },
    migrations: {
      m0000: 'CREATE TABLE a (x);\n--> statement-breakpoint\nCREATE TABLE b (x);',
      m0001: 'CREATE TABLE c (x);',
    },
  };
  const current = {
    migrations: {
      '20240101000000_a': 'CREATE TABLE a (x);\n--> statement-breakpoint\nCREATE TABLE b (x);',
      '20240102000000_b': 'CREATE TABLE c (x);',
    },
  };

  test.each([
    ['0.3x', old],
    ['1.0', current],
  ] as const)('takes the migrations of drizzle-kit %s', (_name, source) =>
    inObject(async (storage) => {
      const db = drizzle(storage);
      expect((await migrate(db, source)).applied).toHaveLength(2);
      expect((await migrate(drizzleAsync(storage), source)).applied).toHaveLength(0);
      expect(
        db.values(
          sql`select name from sqlite_master where type = 'table' and name in ('a', 'b', 'c') order by name`,
        ),
      ).toEqual([['a'], ['b'], ['c']]);
    }),
  );

  test('opens a lazy database', () =>
    inObject(async (storage) => {
      const { DB } = await import('../../../src/index.ts');
      const db = drizzleAsync(() => DB('lazy', { storage }));
      expect((await migrate(db, old)).applied).toHaveLength(2);
    }));
});
