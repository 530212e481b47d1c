import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { DB, type Extension, type Rewrite } from '../../../src/index.ts';
import { freshStub, inObject } from '../object.ts';

const MIGRATIONS = [{ id: '0001_t', sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY)' }];

describe('DB', () => {
  it('says new_sqlite_classes for a class declared with new_classes', async () => {
    const stub = env.OLD_OBJECTS.get(env.OLD_OBJECTS.newUniqueId());
    await runInDurableObject(stub, async (_instance, ctx) => {
      const wanted = { code: 'SQL_NOT_ENABLED', message: expect.stringContaining('new_sqlite_classes') };
      await expect(DB('t', { storage: ctx.storage })).rejects.toMatchObject(wanted);
      await expect(DB('t', { storage: ctx.storage, migrations: MIGRATIONS })).rejects.toMatchObject(wanted);
    });
  });

  it('says what storage must be', async () => {
    for (const options of [{ storage: {} }, { storage: undefined }, {}, undefined]) {
      await expect(DB('t', options as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  it('takes storage with a warm and a cold store beside it', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage: { hot: storage } });
      expect(db.storage).toBe(storage);
      expect(db.name).toBe('t');
    }));

  it('answers the next call after an eviction as if nothing had happened', async () => {
    const stub = freshStub();
    await runInDurableObject(stub, async (_instance, { storage }) => {
      const db = await DB('t', { storage, migrations: MIGRATIONS });
      await db.run('INSERT INTO t VALUES (1)');
      await db.query('PRAGMA recursive_triggers = ON');
    });
    for (let round = 0; round < 3; round++) {
      await evictDurableObject(stub);
      await runInDurableObject(stub, async (_instance, { storage }) => {
        const db = await DB('t', { storage, migrations: MIGRATIONS });
        expect((await db.query('SELECT * FROM t')).rows).toEqual([{ id: 1 }]);
        expect((await db.query('PRAGMA foreign_keys')).rows).toEqual([{ foreign_keys: 1 }]);
        expect((await db.query('PRAGMA recursive_triggers')).rows).toEqual([{ recursive_triggers: 0 }]);
      });
    }
  });
});

describe('extensions', () => {
  const probe = (log: unknown[]) =>
    ({
      name: 'probe',
      install(host) {
        host.onPlan((statement): Rewrite | undefined => {
          if (!statement.sql.includes('/* ten */')) return undefined;
          return {
            sql: 'SELECT ? * 10 AS n',
            bind: (values) => [(values[0] as number) + 1],
            around: (run) => {
              log.push('around');
              return run();
            },
          };
        });
        host.onSchemaChange({
          before: ({ verb }) => log.push(`${verb}?`),
          after: ({ verb }) => log.push(verb),
        });
        host.onTransactionEnd((single) => log.push(single ? 'single' : 'end'));
        host.onCommit((tables) => log.push([...tables].sort()));
        host.onMaintenance(({ budgetMs }) => ({ budgetMs }));
        host.onFlush(async () => void log.push('flush'));
        return { ten: () => 10 };
      },
    }) satisfies Extension<{ ten(): number }>;

  it('add methods, rewrite statements, and hear of schema changes, commits, maintenance and flush', () =>
    inObject(async (storage) => {
      const log: unknown[] = [];
      const db = await DB('t', { storage, extensions: [probe(log)] });
      expectTypeOf(db.ten).returns.toEqualTypeOf<number>();
      expect(db.ten()).toBe(10);
      expect((await db.query('SELECT ? /* ten */', [1])).rows).toEqual([{ n: 20 }]);
      await db.run('CREATE TABLE T (id INTEGER PRIMARY KEY)');
      await db.run('INSERT INTO T VALUES (1)');
      await db.batch(['INSERT INTO t VALUES (2)', 'CREATE TABLE u (a)', 'INSERT INTO u VALUES (1)']);
      await expect(db.batch(['INSERT INTO u VALUES (2)', 'SELEC'])).rejects.toMatchObject({
        code: 'SYNTAX_ERROR',
      });
      await db.transaction(async (tx) => {
        await tx.run('DELETE FROM t');
      });
      await db.query('SELECT * FROM t');
      expect((await db.maintenance({ budgetMs: 5 })).extensions).toEqual({ probe: { budgetMs: 5 } });
      await db.flush();
      expect(log).toEqual([
        ...['around', 'CREATE?', 'CREATE', 'end', ['sqlite_schema', 't'], 'single', ['t']],
        ...['CREATE?', 'CREATE', 'end', ['sqlite_schema', 't', 'u']],
        ...['end', ['t'], 'flush'],
      ]);
    }));

  it('cannot make a committed transaction look rolled back', () =>
    inObject(async (storage) => {
      const undone: boolean[] = [];
      const failing: Extension = {
        name: 'failing',
        install(host) {
          host.onCommit(() => {
            throw new Error('listener');
          });
          host.onRollback((outermost) => undone.push(outermost));
          return {};
        },
      };
      const db = await DB('t', { storage, extensions: [failing] });
      await expect(db.run('CREATE TABLE t (a)')).rejects.toThrow('listener');
      await expect(db.batch(['INSERT INTO t VALUES (1)'])).rejects.toThrow('listener');
      await expect(
        db.transaction(async (tx) => void (await tx.run('INSERT INTO t VALUES (2)'))),
      ).rejects.toThrow('listener');
      expect(undone).toEqual([]);
      expect((await db.query('SELECT a FROM t')).rows).toEqual([{ a: 1 }, { a: 2 }]);
    }));

  it('are installed once per storage, and tried again after a failure', () =>
    inObject(async (storage) => {
      let installs = 0;
      const flaky: Extension = {
        name: 'flaky',
        install() {
          if (++installs === 1) throw new Error('not yet');
          return {};
        },
      };
      await expect(DB('t', { storage, extensions: [flaky] })).rejects.toThrow('not yet');
      await Promise.all([
        DB('t', { storage, extensions: [flaky] }),
        DB('t', { storage, extensions: [flaky] }),
      ]);
      expect(installs).toBe(2);
    }));
});
