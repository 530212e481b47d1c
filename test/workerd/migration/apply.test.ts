import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { freshStub, inObject } from '../object.ts';
import { failure, ledger, migrate, recordStatements, tables, value } from './support.ts';

const two = [
  { id: '001_users', sql: 'CREATE TABLE users (id integer PRIMARY KEY, name text);' },
  { id: '002_seed', sql: "INSERT INTO users (name) VALUES ('Ada');" },
];

describe('applying migrations', () => {
  it('ten first requests at once migrate once', () =>
    inObject(async (storage, ctx) => {
      const open = () => DB('test', { storage, ctx, migrations: two });
      const found = await Promise.all(
        Array.from(
          { length: 10 },
          async () => (await (await open()).query('SELECT count(*) AS n FROM users')).rows,
        ),
      );
      expect(found).toEqual(Array(10).fill([{ n: 1 }]));
      expect(ledger(storage)).toHaveLength(2);
    }));

  it('of ten calls at once one reports what it applied, the others find it in place', () =>
    inObject(async (storage) => {
      const db = await DB('test', { storage });
      const reports = await Promise.all(Array.from({ length: 10 }, () => db.migrate(two)));
      expect(reports.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
      for (const { upToDate } of reports) expect(upToDate).toEqual(['001_users', '002_seed']);
    }));

  it('takes breakpoints as comments: without semicolons, and as text within a string', () =>
    inObject(async (storage) => {
      const db = await DB('test', { storage });
      const sql = `CREATE TABLE notes (body text)
--> statement-breakpoint
-- the one that counts
INSERT INTO notes VALUES ('a
--> statement-breakpoint
b')--> statement-breakpoint
`;
      await db.migrate([{ id: '001_notes', sql }]);
      expect(value(storage, 'SELECT body FROM notes')).toBe('a\n--> statement-breakpoint\nb');
    }));

  it('works in the constructor, inside blockConcurrencyWhile', () =>
    inObject(async (storage, ctx) => {
      await ctx.blockConcurrencyWhile(async () => {
        await DB('test', { storage, ctx, migrations: two });
      });
      expect(value(storage, 'SELECT name FROM users')).toBe('Ada');
    }));

  it('costs one statement that reads one row when it is up to date, also after an eviction', async () => {
    const stub = freshStub();
    await inObject((storage, ctx) => DB('test', { storage, ctx, migrations: two }).then(() => {}), stub);
    await evictDurableObject(stub);
    await inObject(async (storage, ctx) => {
      const seen = recordStatements(storage);
      await DB('test', { storage, ctx, migrations: two });
      expect(seen).toHaveLength(1);
      expect(seen[0]?.rowsRead).toBe(1);
    }, stub);
  });

  it('adds the new ones to a database that has the older ones', () =>
    inObject(async (storage) => {
      await migrate(storage, two);
      const report = await migrate(storage, [
        ...two,
        { id: '003', sql: 'ALTER TABLE users ADD COLUMN age integer' },
      ]);
      expect(report.applied).toEqual(['003']);
      expect(report.upToDate).toEqual(['001_users', '002_seed', '003']);
      expect(value(storage, 'SELECT age FROM users')).toBeNull();
    }));

  it('keeps nothing of a migration that fails, and everything before it', () =>
    inObject(async (storage) => {
      const bad =
        "CREATE TABLE orders (id integer);\nINSERT INTO users (id, name) VALUES (1, 'twice');\nCREATE TABLE never (x)";
      const source = [...two, { id: '003_bad', sql: bad }, { id: '004', sql: 'CREATE TABLE later (x)' }];
      const error = await failure(migrate(storage, source));
      expect(error).toMatchObject({
        code: 'MIGRATION_FAILED',
        migration: '003_bad',
        statement: "INSERT INTO users (id, name) VALUES (1, 'twice')",
        cause: { code: 'UNIQUE_VIOLATION', table: 'users', columns: ['id'] },
      });
      expect(error.message).toContain(
        '"003_bad" failed at statement 2 of 3: UNIQUE constraint failed: users.id',
      );
      expect(error.message).toContain("INSERT INTO users (id, name) VALUES (1, 'twice')");
      expect(tables(storage)).toEqual(['users']);
      expect(ledger(storage).map(({ name }) => name)).toEqual(['001_users', '002_seed']);
    }));

  it('tries a failed migration again on the next call, which may bring a corrected one', () =>
    inObject(async (storage) => {
      const sql = 'INSERT INTO missing VALUES (1)';
      expect((await failure(migrate(storage, [{ id: '1', sql }]))).message).toContain(
        'no such table: missing',
      );
      expect((await failure(migrate(storage, [{ id: '1', sql }]))).code).toBe('MIGRATION_FAILED');
      await migrate(storage, [{ id: '1', sql: 'CREATE TABLE missing (x)' }]);
      expect(tables(storage)).toEqual(['missing']);
    }));

  it('answers the next call after a failure inside blockConcurrencyWhile: the object is not reset', () =>
    inObject(async (storage, ctx) => {
      const error = await failure(migrate(storage, [{ id: '1', sql: 'syntax error here' }], ctx));
      expect(error).toMatchObject({ code: 'MIGRATION_FAILED', cause: { code: 'SYNTAX_ERROR' } });
      expect((await migrate(storage, two, ctx)).applied).toHaveLength(2);
    }));

  it.each([
    ['BEGIN', 'BEGIN; CREATE TABLE t (x); COMMIT', 'BEGIN cannot stand here'],
    [
      'OR ROLLBACK',
      'CREATE TABLE t (x); INSERT OR ROLLBACK INTO t VALUES (1)',
      'would reset the Durable Object',
    ],
    [
      'RAISE(ROLLBACK)',
      "CREATE TABLE t (x); CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
      'reset',
    ],
    ['a parameter', 'CREATE TABLE t (x); INSERT INTO t VALUES (?)', 'no values for parameters'],
  ])('refuses %s before anything runs', (_, sql, reason) =>
    inObject(async (storage) => {
      const error = await failure(migrate(storage, [...two, { id: '3', sql }]));
      expect(error).toMatchObject({ code: 'MIGRATION_FAILED', migration: '3' });
      expect(error.message).toContain(reason);
      expect(tables(storage)).toEqual([]);
    }),
  );

  it('says which limit a statement is over', () =>
    inObject(async (storage) => {
      const sql = `CREATE TABLE t (x text); CREATE VIEW v AS SELECT '${'x'.repeat(100_001)}'`;
      const error = await failure(migrate(storage, [{ id: 'long', sql }]));
      expect(error).toMatchObject({
        code: 'MIGRATION_FAILED',
        migration: 'long',
        cause: { code: 'LIMIT_EXCEEDED' },
      });
      expect(error.message).toContain('at statement 2 of 2');
      expect(error.message.length).toBeLessThan(1500);
      expect(tables(storage)).toEqual([]);
    }));

  it('rolls back a deferred foreign key that is still violated at the end', () =>
    inObject(async (storage) => {
      const sql = `CREATE TABLE p (id integer PRIMARY KEY);
        CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO c VALUES (7, 1);`;
      const error = await failure(migrate(storage, [{ id: '1', sql }]));
      expect(error.code).toBe('MIGRATION_FAILED');
      expect(error.message).toContain('c → p: 1 row(s) without parent, rowid 7');
      expect(tables(storage)).toEqual([]);
      await migrate(storage, [{ id: '1', sql: `${sql} INSERT INTO p VALUES (1);` }]);
      expect(value(storage, 'SELECT count(*) FROM c')).toBe(1);
    }));

  it('defer_foreign_keys acts on its migration only', () =>
    inObject(async (storage) => {
      const schema = {
        id: '1',
        sql: 'CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (p REFERENCES p(id));',
      };
      const ok = {
        id: '2',
        sql: 'PRAGMA defer_foreign_keys=ON; INSERT INTO c VALUES (1); INSERT INTO p VALUES (1);',
      };
      const bad = { id: '3', sql: 'INSERT INTO c VALUES (2); INSERT INTO p VALUES (2);' };
      const error = await failure(migrate(storage, [schema, ok, bad]));
      expect(error).toMatchObject({ migration: '3', cause: { code: 'FOREIGN_KEY_VIOLATION' } });
      expect(value(storage, 'SELECT count(*) FROM c')).toBe(1);
    }));

  it('other calls on the database wait until the migrations are through', () =>
    inObject(async (storage) => {
      const db = await DB('test', { storage });
      const rebuild =
        'PRAGMA foreign_keys=OFF; CREATE TABLE n (id); INSERT INTO n SELECT id FROM users; DROP TABLE users; ALTER TABLE n RENAME TO users';
      const running = db.migrate([...two, { id: '003', sql: rebuild }]);
      const counted = running.then(() => db.query('SELECT count(*) AS n FROM users'));
      await expect(counted).resolves.toMatchObject({ rows: [{ n: 1 }] });
    }));

  it('refuses to migrate inside a transaction, which it would wait for', () =>
    inObject(async (storage) => {
      const db = await DB('test', { storage });
      const error = await failure(db.transaction(() => db.migrate(two)));
      expect(error.code).toBe('USE_TRANSACTION_HANDLE');
    }));

  it('names new_sqlite_classes for a class that has no SQL', async () => {
    const stub = env.OLD_OBJECTS.get(env.OLD_OBJECTS.newUniqueId());
    const error = await failure(runInDurableObject(stub, (_instance, ctx) => migrateKv(ctx.storage)));
    expect(error.code).toBe('SQL_NOT_ENABLED');
    expect(error.message).toContain('new_sqlite_classes');
  });
});

async function migrateKv(storage: DurableObjectStorage): Promise<void> {
  await DB('test', { storage, migrations: two });
}
