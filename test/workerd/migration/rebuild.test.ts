import { env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { DB, type Migration } from '../../../src/index.ts';
import { freshStub, inObject } from '../object.ts';
import { failure, ledger, migrate, rows, tables, value } from './support.ts';

/** Three levels of children, each deleted with its parent. */
const schema: Migration = {
  id: '0000_schema',
  sql: `CREATE TABLE users (id integer PRIMARY KEY, name text);
CREATE TABLE orders (id integer PRIMARY KEY, user integer NOT NULL REFERENCES users(id) ON DELETE CASCADE);
CREATE TABLE items (id integer PRIMARY KEY, "order" integer NOT NULL REFERENCES orders(id) ON DELETE CASCADE);
CREATE TABLE notes (id integer PRIMARY KEY, item integer NOT NULL REFERENCES items(id) ON DELETE CASCADE);`,
};
const CHILDREN = 10_000;
const count = (n: number) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<${n})`;
const data: Migration = {
  id: '0001_data',
  sql: `${count(100)} INSERT INTO users SELECT i, 'user ' || i FROM n;
${count(CHILDREN)} INSERT INTO orders SELECT i, 1 + i % 100 FROM n;
INSERT INTO items SELECT id, id FROM orders;
INSERT INTO notes SELECT id, id FROM items;`,
};
/** What drizzle-kit generates when a column of `users` changes. */
const rebuild: Migration = {
  id: '0002_rebuild',
  sql: `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE \`__new_users\` (
	\`id\` integer PRIMARY KEY,
	\`name\` text NOT NULL
);
--> statement-breakpoint
INSERT INTO \`__new_users\`("id", "name") SELECT "id", "name" FROM \`users\`;--> statement-breakpoint
DROP TABLE \`users\`;--> statement-breakpoint
ALTER TABLE \`__new_users\` RENAME TO \`users\`;--> statement-breakpoint
PRAGMA foreign_keys=ON;`,
};
const failing: Migration = { ...rebuild, sql: `${rebuild.sql}\nINSERT INTO users VALUES (1, 'twice')` };

const counts = (storage: DurableObjectStorage) =>
  rows(
    storage,
    'SELECT (SELECT count(*) FROM users),(SELECT count(*) FROM orders),(SELECT count(*) FROM items),(SELECT count(*) FROM notes)',
  )[0];
const whole = [100, CHILDREN, CHILDREN, CHILDREN];
const isNew = (storage: DurableObjectStorage) =>
  value(storage, `SELECT "notnull" FROM pragma_table_info('users') WHERE name='name'`) === 1;

/** Enforcement is on: as the pragma says, and as a row without parent shows. */
function expectEnforced(storage: DurableObjectStorage): void {
  expect(value(storage, 'PRAGMA foreign_keys')).toBe(1);
  expect(() => storage.sql.exec('INSERT INTO orders VALUES (-1, -1)')).toThrow(
    'FOREIGN KEY constraint failed',
  );
}

function abortAtSync(storage: DurableObjectStorage, at: number, abort: () => void): void {
  let syncs = 0;
  const sync = storage.sync.bind(storage);
  storage.sync = async () => {
    await sync();
    if (++syncs === at) abort();
  };
}

function abortAtDrop({ sql }: DurableObjectStorage, abort: () => void): void {
  const exec = sql.exec.bind(sql);
  sql.exec = ((text: string, ...values: unknown[]) => {
    const cursor = exec(text, ...values);
    if (/DROP TABLE `users`/.test(text)) abort();
    return cursor;
  }) as typeof sql.exec;
}

/** Lets one statement do nothing, as SQLite does with a pragma while a transaction is open. */
function ignoreStatement({ sql }: DurableObjectStorage, ignored: string): void {
  const exec = sql.exec.bind(sql);
  sql.exec = ((text: string, ...values: unknown[]) =>
    text === ignored ? exec('SELECT 1') : exec(text, ...values)) as typeof sql.exec;
}

describe('rebuilding a table that others refer to', () => {
  it.each([
    ['with the pragmas of drizzle-kit', rebuild],
    ['without them', { ...rebuild, sql: rebuild.sql.replaceAll(/PRAGMA foreign_keys=\w+;/g, '') }],
  ])('keeps every child, three levels deep, and enforcement on, %s', (_, migration) =>
    inObject(async (storage, ctx) => {
      const report = await migrate(storage, [schema, data, migration], ctx);
      expect(report.applied).toHaveLength(3);
      expect(isNew(storage)).toBe(true);
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
      storage.sql.exec('DELETE FROM users WHERE id = 1');
      expect(counts(storage)).toEqual([99, CHILDREN - 100, CHILDREN - 100, CHILDREN - 100]);
    }),
  );

  it('keeps them without ctx, too', () =>
    inObject(async (storage) => {
      await migrate(storage, [schema, data, rebuild]);
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
    }));

  it('the same statements by hand delete them, which is what this is about', () =>
    inObject(async (storage) => {
      await migrate(storage, [schema, data]);
      storage.transactionSync(() => {
        for (const statement of rebuild.sql.split('--> statement-breakpoint')) storage.sql.exec(statement);
      });
      expect(counts(storage)).toEqual([100, 0, 0, 0]);
    }));

  it('leaves the old table and every child when it fails, and enforcement on', () =>
    inObject(async (storage, ctx) => {
      await migrate(storage, [schema, data]);
      const error = await failure(migrate(storage, [schema, data, failing], ctx));
      expect(error).toMatchObject({
        code: 'MIGRATION_FAILED',
        migration: '0002_rebuild',
        cause: { code: 'UNIQUE_VIOLATION' },
      });
      expect(error.message).toContain('statement 7 of 7');
      expect(isNew(storage)).toBe(false);
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
      expect(ledger(storage)).toHaveLength(2);
    }));

  /** Each wraps a storage so that the object is aborted at one step of the rebuild; whether the new table is then there. */
  const steps: [string, boolean, (storage: DurableObjectStorage, abort: () => void) => void][] = [
    ['before foreign keys are off', false, (storage, abort) => abortAtSync(storage, 1, abort)],
    ['in the middle of its statements', false, abortAtDrop],
    ['before foreign keys are on again', true, (storage, abort) => abortAtSync(storage, 2, abort)],
  ];

  it.each(steps)('an abort %s leaves one of the tables whole, and enforcement on', async (_, done, arm) => {
    const stub = freshStub();
    await inObject((storage, ctx) => migrate(storage, [schema, data], ctx).then(() => {}), stub);
    await expect(
      inObject(async (storage, ctx) => {
        arm(storage, () => ctx.abort('in the middle of a rebuild'));
        await migrate(storage, [schema, data, rebuild], ctx);
      }, stub),
    ).rejects.toThrow('in the middle of a rebuild');
    await inObject(async (storage, ctx) => {
      expectEnforced(storage);
      expect(counts(storage)).toEqual(whole);
      expect(isNew(storage)).toBe(done);
      const { applied } = await migrate(storage, [schema, data, rebuild], ctx);
      expect(applied).toEqual(done ? [] : ['0002_rebuild']);
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
    }, env.OBJECTS.get(stub.id));
  });

  it('runs nothing when foreign keys cannot be turned off', () =>
    inObject(async (storage, ctx) => {
      await migrate(storage, [schema, data]);
      ignoreStatement(storage, 'PRAGMA foreign_keys=0');
      const error = await failure(migrate(storage, [schema, data, rebuild], ctx));
      expect(error.code).toBe('MIGRATION_FAILED');
      expect(error.message).toContain('did not turn foreign keys off');
      expect(isNew(storage)).toBe(false);
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
    }));

  it('aborts the object when foreign keys cannot be turned on again', async () => {
    const stub = freshStub();
    await expect(
      inObject(async (storage, ctx) => {
        ignoreStatement(storage, 'PRAGMA foreign_keys=1');
        await migrate(storage, [schema, data, rebuild], ctx);
      }, stub),
    ).rejects.toThrow('did not turn foreign keys on');
    await inObject((storage) => {
      expectEnforced(storage);
      expect(isNew(storage)).toBe(true);
      expect(counts(storage)).toEqual(whole);
    }, env.OBJECTS.get(stub.id));
  });

  it('without ctx it says so instead', () =>
    inObject(async (storage) => {
      ignoreStatement(storage, 'PRAGMA foreign_keys=1');
      const error = await failure(migrate(storage, [schema, data, rebuild]));
      expect(error.message).toContain('did not turn foreign keys on');
    }));

  it('an eviction while foreign keys are off turns them on', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      await storage.sync();
      storage.sql.exec('PRAGMA foreign_keys=OFF');
      expect(value(storage, 'PRAGMA foreign_keys')).toBe(0);
    }, stub);
    await evictDurableObject(stub);
    await inObject((storage) => expect(value(storage, 'PRAGMA foreign_keys')).toBe(1), stub);
  });

  it('rows that lose their parent fail it, naming tables and rows', () =>
    inObject(async (storage) => {
      await migrate(storage, [schema, data]);
      const sql = rebuild.sql.replace('FROM `users`', 'FROM `users` WHERE id <> 5');
      const error = await failure(migrate(storage, [schema, data, { id: 'lossy', sql }]));
      expect(error).toMatchObject({ code: 'MIGRATION_FAILED', migration: 'lossy' });
      expect(error.message).toContain('orders → users: 100 row(s) without parent, rowid 4,104,204,304,404');
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
    }));

  it('violations from before do not stop it, new ones beside them do', () =>
    inObject(async (storage) => {
      await migrate(storage, [schema, data]);
      await storage.sync();
      storage.sql.exec('PRAGMA foreign_keys=OFF');
      storage.sql.exec('INSERT INTO orders VALUES (20000, 999)');
      await storage.sync();
      storage.sql.exec('PRAGMA foreign_keys=ON');
      const sql = rebuild.sql.replace('FROM `users`', 'FROM `users` WHERE id <> 5');
      const error = await failure(migrate(storage, [schema, data, { id: 'lossy', sql }]));
      expect(error.message).toContain('orders → users: 100 row(s) without parent, rowid 4,104');
      await migrate(storage, [schema, data, rebuild]);
      expect(isNew(storage)).toBe(true);
    }));

  it('brings back the triggers of the table, and works beside triggers and views of others that mention it', () =>
    inObject(async (storage) => {
      const objects = {
        id: '0001_objects',
        sql: `CREATE TABLE log (what text);
CREATE TRIGGER users_log AFTER INSERT ON users BEGIN INSERT INTO log VALUES (new.name); END;
CREATE TRIGGER users_own AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('old'); END;
CREATE TRIGGER users_gone AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('gone'); END;
CREATE TRIGGER orders_ref AFTER INSERT ON orders BEGIN INSERT INTO log SELECT 'order of ' || name FROM users WHERE id = new.user; END;
CREATE VIEW names AS SELECT name FROM users;`,
      };
      const own = `DROP TRIGGER users_gone;${rebuild.sql}
CREATE TRIGGER users_own AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('new'); END;`;
      await migrate(storage, [schema, objects, { id: '0002', sql: own }]);
      storage.sql.exec("INSERT INTO users VALUES (1, 'Ada'); INSERT INTO orders VALUES (1, 1)");
      expect(rows(storage, 'SELECT what FROM log ORDER BY 1').flat()).toEqual(['Ada', 'new', 'order of Ada']);
      expect(rows(storage, 'SELECT name FROM names')).toEqual([['Ada']]);
      expect(value(storage, 'PRAGMA legacy_alter_table')).toBe(0);
      expectEnforced(storage);
    }));

  it('fails where SQLite would, instead of leaving triggers and views behind that do not work', () =>
    inObject(async (storage) => {
      const objects = {
        id: '0001_objects',
        sql: `CREATE TABLE x (a); CREATE VIEW broken AS SELECT a FROM x; DROP TABLE x;
CREATE TABLE t (a, b); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT new.b; END;`,
      };
      await migrate(storage, [objects]);
      for (const sql of ['ALTER TABLE t RENAME TO y', 'DROP TABLE IF EXISTS x; ALTER TABLE t RENAME TO y']) {
        const error = await failure(migrate(storage, [objects, { id: '0002', sql }]));
        expect(error.message).toContain('error in view broken');
      }
      await migrate(storage, [objects, { id: '0002', sql: 'DROP VIEW broken' }]);
      const drop = { id: '0003', sql: 'ALTER TABLE t DROP COLUMN b' };
      const error = await failure(migrate(storage, [objects, { id: '0002', sql: 'DROP VIEW broken' }, drop]));
      expect(error.message).toContain('error in trigger r');
      storage.sql.exec('INSERT INTO t VALUES (1, 2)');
      expect(rows(storage, 'SELECT a FROM v')).toEqual([[1]]);
    }));

  it('lets a key follow the new table to its name', () =>
    inObject(async (storage) => {
      const objects = {
        id: '1',
        sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t;',
      };
      const anew = (parent: string) => ({
        id: '2',
        sql: `PRAGMA foreign_keys=OFF; CREATE TABLE n (id INTEGER PRIMARY KEY, p REFERENCES ${parent} (id));
DROP TABLE t; ALTER TABLE n RENAME TO t;`,
      });
      for (const parent of ['n', 't']) {
        await storage.deleteAll();
        await migrate(storage, [objects, anew(parent)]);
        storage.sql.exec('INSERT INTO t VALUES (1, NULL), (2, 1)');
        expect(() => storage.sql.exec('INSERT INTO t VALUES (3, 9)')).toThrow(
          'FOREIGN KEY constraint failed',
        );
      }
    }));

  it('does not copy the name of a column that the old table does not have into every row', () =>
    inObject(async (storage) => {
      const base = {
        id: '1',
        sql: 'CREATE TABLE t (id integer, "a b" text); INSERT INTO t VALUES (1, \'x\');',
      };
      const anew = (columns: string, selected = columns) => ({
        id: '2',
        sql: `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE \`__new_t\` (\`id\` integer NOT NULL, \`a b\` text, \`added\` text);--> statement-breakpoint
INSERT INTO \`__new_t\`(${columns}) SELECT ${selected} FROM \`t\`;--> statement-breakpoint
DROP TABLE \`t\`;--> statement-breakpoint
ALTER TABLE \`__new_t\` RENAME TO \`t\`;`,
      });
      const error = await failure(migrate(storage, [base, anew('"id", "a b", "added"')]));
      expect(error).toMatchObject({ code: 'MIGRATION_FAILED', cause: { code: 'NO_SUCH_COLUMN' } });
      expect(error.message).toContain('statement 3 of 5: no such column: added');
      expect(rows(storage, 'SELECT * FROM t')).toEqual([[1, 'x']]);
      // A string in double quotes is one, where it cannot be meant as the column itself.
      await migrate(storage, [base, anew('"id", "a b", "added"', '"id", max("a b", "added"), "new"')]);
      expect(rows(storage, 'SELECT * FROM t')).toEqual([[1, 'x', 'new']]);
    }));

  it('fails where a trigger or view would keep that name', () =>
    inObject(async (storage) => {
      const objects = {
        id: '1',
        sql: 'CREATE TABLE t (a); CREATE TABLE o (x); CREATE VIEW v AS SELECT a FROM t;',
      };
      const anew = (object: string) => ({
        id: '2',
        sql: `CREATE TABLE n (a, b); ${object}; DROP TABLE t; ALTER TABLE n RENAME /* now */ TO t -- done`,
      });
      const trigger = (table: string) =>
        `CREATE TRIGGER tr AFTER INSERT ON o WHEN CAST(new.x AS TEXT) <> '' BEGIN SELECT 1; INSERT INTO ${table} (a) VALUES (new.x); END`;
      for (const object of [trigger('n'), 'CREATE VIEW tr AS SELECT (SELECT max(a) FROM n) AS m']) {
        const error = await failure(migrate(storage, [objects, anew(object)]));
        expect(error.message).toContain('"tr" mentions n, which is renamed; make it afterwards, with t');
      }
      await migrate(storage, [objects, anew(trigger('t'))]);
      storage.sql.exec('INSERT INTO o VALUES (1)');
      expect(rows(storage, 'SELECT a FROM v')).toEqual([[1]]);
    }));

  it('keeps every child of a table that is renamed first and dropped then, by failing', () =>
    inObject(async (storage, ctx) => {
      await migrate(storage, [schema, data], ctx);
      const sql = `ALTER TABLE users RENAME TO users_old; ALTER TABLE users_old RENAME TO older;
CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL); INSERT INTO users SELECT * FROM older; DROP TABLE older;`;
      const error = await failure(migrate(storage, [schema, data, { id: 'old', sql }], ctx));
      expect(error.message).toContain('foreign keys followed users_old to older, which is dropped');
      expect(counts(storage)).toEqual(whole);
      expectEnforced(storage);
      const both = {
        id: 'both',
        sql: `ALTER TABLE users RENAME TO u; ${rebuild.sql.replaceAll('users`', 'u`')}`,
      };
      await migrate(storage, [schema, data, both], ctx);
      expect(value(storage, 'SELECT count(*) FROM orders')).toBe(CHILDREN);
    }));

  it('brings back the triggers of a table that is renamed first and dropped then', () =>
    inObject(async (storage) => {
      const objects = {
        id: '1',
        sql: 'CREATE TABLE t (a); CREATE TABLE log (a); CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END;',
      };
      const sql = 'ALTER TABLE t RENAME TO old; CREATE TABLE t (a, b); DROP TABLE old;';
      await migrate(storage, [objects, { id: '2', sql }]);
      storage.sql.exec('INSERT INTO t VALUES (1, 2)');
      expect(rows(storage, 'SELECT a FROM log')).toEqual([[1]]);
    }));

  it('does not bring back a trigger that the migration drops after its table', () =>
    inObject(async (storage) => {
      await migrate(storage, [
        {
          id: '1',
          sql: 'CREATE TABLE t (a); CREATE TRIGGER "R 1" AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TRIGGER s AFTER INSERT ON t BEGIN SELECT 1; END;',
        },
        { id: '2', sql: 'DROP TABLE t; CREATE TABLE t (a, b); DROP TRIGGER IF EXISTS main."r 1"' },
      ]);
      expect(rows(storage, "SELECT name FROM sqlite_master WHERE type='trigger'")).toEqual([['s']]);
    }));

  it('checks the other keys where one refers to columns that are not unique', () =>
    inObject(async (storage) => {
      const odd = { id: '0001_odd', sql: 'CREATE TABLE o (a); CREATE TABLE oc (a REFERENCES o (a));' };
      await migrate(storage, [schema, data, odd]);
      const sql = rebuild.sql.replace('FROM `users`', 'FROM `users` WHERE id <> 5');
      const error = await failure(migrate(storage, [schema, data, odd, { id: 'lossy', sql }]));
      expect(error.message).toContain('orders → users: 100 row(s) without parent, rowid 4,104');
      const unique = { id: 'unique', sql: `${rebuild.sql} CREATE TABLE pc (a REFERENCES o (a));` };
      const mismatch = await failure(migrate(storage, [schema, data, odd, unique]));
      expect(mismatch.message).toContain('pc → columns that are not unique');
      await migrate(storage, [schema, data, odd, rebuild]);
      expect(isNew(storage)).toBe(true);
      expectEnforced(storage);
    }));

  it('keeps the rows of a table that refers to itself', () =>
    inObject(async (storage) => {
      const tree = {
        id: '1',
        sql: 'CREATE TABLE tree (id integer PRIMARY KEY, up integer REFERENCES tree(id) ON DELETE CASCADE); INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2)',
      };
      const change = {
        id: '2',
        sql: 'CREATE TABLE __new_tree (id integer PRIMARY KEY, up integer REFERENCES tree(id) ON DELETE CASCADE, x); INSERT INTO __new_tree SELECT id, up, 1 FROM tree; DROP TABLE tree; ALTER TABLE __new_tree RENAME TO tree;',
      };
      await migrate(storage, [tree, change]);
      expect(value(storage, 'SELECT count(*) FROM tree')).toBe(3);
      storage.sql.exec('DELETE FROM tree WHERE id = 1');
      expect(value(storage, 'SELECT count(*) FROM tree')).toBe(0);
    }));

  it.each([
    [
      '',
      'CREATE TABLE "__new_T" (id integer PRIMARY KEY AUTOINCREMENT, a, b); INSERT INTO "__new_T" (id, a) SELECT id, a FROM t; DROP TABLE t; ALTER TABLE "__new_T" RENAME TO "T";',
    ],
    [
      ' when the old one is renamed first',
      'ALTER TABLE t RENAME TO o; CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a, b); INSERT INTO t (id, a) SELECT id, a FROM o; DROP TABLE o;',
    ],
  ])('never gives the key of a deleted row again where AUTOINCREMENT says so%s', (_, sql) =>
    inObject(async (storage) => {
      const last = 9007199254740993n;
      for (const left of ['DELETE FROM t WHERE id > 1', 'DELETE FROM t']) {
        await storage.deleteAll();
        const base = {
          id: '1',
          sql: `CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a); INSERT INTO t VALUES (1, 'x'), (${last}, 'y'); ${left};
CREATE TABLE other (id integer PRIMARY KEY AUTOINCREMENT); INSERT INTO other VALUES (5);`,
        };
        await migrate(storage, [base, { id: '2', sql }]);
        storage.sql.exec("INSERT INTO t (a) VALUES ('new')");
        expect(value(storage, "SELECT CAST(id AS TEXT) FROM t WHERE a = 'new'")).toBe(`${last + 1n}`);
        expect(
          rows(storage, 'SELECT name, typeof(seq) FROM sqlite_sequence ORDER BY name COLLATE NOCASE'),
        ).toEqual([
          ['other', 'integer'],
          [sql.includes('"T"') ? 'T' : 't', 'integer'],
        ]);
      }
    }),
  );

  it('lets a migration set the keys of AUTOINCREMENT itself', () =>
    inObject(async (storage) => {
      const base = {
        id: '1',
        sql: 'CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (9);',
      };
      const sql =
        'DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a); DELETE FROM sqlite_sequence;';
      await migrate(storage, [base, { id: '2', sql }]);
      storage.sql.exec('INSERT INTO t (a) VALUES (1)');
      expect(value(storage, 'SELECT id FROM t')).toBe(1);
    }));

  it('a parent dropped for good while rows still refer to it fails, and goes with its children', () =>
    inObject(async (storage) => {
      await migrate(storage, [schema, data]);
      const error = await failure(migrate(storage, [schema, data, { id: 'drop', sql: 'DROP TABLE users' }]));
      expect(error.message).toContain(`orders → users: ${CHILDREN} row(s) without parent`);
      expect(counts(storage)).toEqual(whole);
      const sql = 'DROP TABLE users; DROP TABLE orders; DROP TABLE items; DROP TABLE notes;';
      await migrate(storage, [schema, data, { id: 'drop', sql }]);
      expect(tables(storage)).toEqual([]);
      expect(value(storage, 'PRAGMA foreign_keys')).toBe(1);
    }));

  it('runs in a database that is being used: calls wait, and see the new table', () =>
    inObject(async (storage, ctx) => {
      const db = await DB('test', { storage, ctx, migrations: [schema, data] });
      const running = db.migrate([schema, data, rebuild]);
      const reads = Promise.all(
        Array.from({ length: 20 }, () => db.query('SELECT count(*) AS n FROM notes')),
      );
      await running;
      for (const { rows: found } of await reads) expect(found).toEqual([{ n: CHILDREN }]);
    }));
});
