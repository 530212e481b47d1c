import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';
import { changesAfter, type Logged, open } from './open.ts';

describe('which tables are tracked', () => {
  it('are those named, and nothing else costs anything', () =>
    inObject(async (storage) => {
      const db = await open(storage, { tables: ['A'] });
      await db.run('CREATE TABLE a (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE b (id INTEGER PRIMARY KEY)');
      expect((await db.run('INSERT INTO a VALUES (1)')).rowsWritten).toBe(2);
      expect((await db.run('INSERT INTO b VALUES (1)')).rowsWritten).toBe(1);
      expect(db.log.stats().tables.map(({ name }) => name)).toEqual(['a']);
    }));

  it("are under '*' all but the excluded, the engine's own, virtual ones and those that begin with __", () =>
    inObject(async (storage) => {
      const db = await open(storage, { exclude: ['Cache'] });
      await db.run('CREATE TABLE cache (id)');
      await db.run('CREATE TABLE __scratch (id)');
      await db.run('CREATE VIRTUAL TABLE words USING fts5(w)');
      await db.run('CREATE TABLE "odd ""name""" (id, "a ""b""")');
      await db.migrate([{ id: '1', sql: 'CREATE TABLE m (id)' }]);
      expect(
        db.log
          .stats()
          .tables.map(({ name }) => name)
          .sort(),
      ).toEqual(['m', 'odd "name"']);
      const { lsn } = db.log.head();
      await db.run('INSERT INTO "odd ""name""" VALUES (1, 2)');
      await db.run("INSERT INTO words VALUES ('x')");
      expect(await changesAfter(db, lsn)).toEqual(['insert odd "name": - → 1 2']);
    }));

  it('must be tables when they are named', () =>
    inObject(async (storage) => {
      const db = await open(storage, { tables: ['w', 'wide'] });
      await expect(db.run('CREATE VIRTUAL TABLE w USING fts5(x)')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        table: 'w',
      });
      const columns = (n: number) => Array.from({ length: n }, (_, i) => `c${i}`);
      await expect(db.run(`CREATE TABLE wide (${columns(95)})`)).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        table: 'wide',
        limit: { value: 94, actual: 95 },
      });
      // Queries of the past have columns of these names.
      await expect(db.run('CREATE TABLE wide (id, _DOSQL_r)')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
        table: 'wide',
      });
      await db.run(`CREATE TABLE wide (${columns(94)})`);
      await db.run(`INSERT INTO wide VALUES (${columns(94).map((_, i) => i)})`);
      const { events } = await db.log.read();
      expect(Object.values(events.at(-1)!.after!)).toEqual(columns(94).map((_, i) => i));
    }));

  it('stop being tracked when they are named no more, and have a new history when they are again', async () => {
    const stub = freshStub();
    const run = async (tables: string[], work: (db: Logged) => Promise<void>) => {
      await inObject(async (storage) => work(await open(storage, { tables })), stub);
      await evictDurableObject(stub);
    };
    await run(['a'], async (db) => {
      await db.run('CREATE TABLE a (id INTEGER PRIMARY KEY)');
      await db.run('INSERT INTO a VALUES (1)');
    });
    await run([], async (db) => {
      expect((await db.run('INSERT INTO a VALUES (2)')).rowsWritten).toBe(1);
      expect(db.log.stats().tables).toEqual([]);
      await expect(db.log.snapshot('a', { lsn: 2 })).rejects.toMatchObject({ code: 'TABLE_NOT_TRACKED' });
    });
    await run(['a'], async (db) => {
      const { lsn } = db.log.head();
      await expect(db.log.snapshot('a', { lsn: 2 })).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      await db.run('DELETE FROM a WHERE id = 1');
      expect(await changesAfter(db, lsn)).toEqual(['delete a: 1 → -']);
      expect((await db.log.snapshot('a', { lsn })).rows).toHaveLength(2);
    });
  });

  it('are looked at together when the database is opened, not one by one', () =>
    inObject(async (storage) => {
      const { sql } = storage;
      for (let i = 0; i < 40; i++) sql.exec(`CREATE TABLE t${i} (id INTEGER PRIMARY KEY, a UNIQUE)`);
      const cursors: SqlStorageCursor<never>[] = [];
      const exec = sql.exec.bind(sql) as (...args: unknown[]) => SqlStorageCursor<never>;
      Object.assign(sql, {
        exec(...args: unknown[]) {
          const cursor = exec(...args);
          cursors.push(cursor);
          return cursor;
        },
      });
      await open(storage);
      expect(cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0)).toBeLessThan(40 * 100);
    }));

  it('keep their history when a migration renames them and the options follow', async () => {
    const stub = freshStub();
    const run = (
      name: string,
      migrations: { id: string; sql: string }[],
      work: (db: Logged) => Promise<void>,
    ) =>
      inObject(async (storage, ctx) => {
        await work(await DB('t', { storage, ctx, migrations, extensions: [changeLog({ tables: [name] })] }));
      }, stub);
    const migrations = [{ id: '1', sql: 'CREATE TABLE old (id INTEGER PRIMARY KEY)' }];
    await run('old', migrations, async (db) => {
      await db.run('INSERT INTO old VALUES (1)');
    });
    await evictDurableObject(stub);
    migrations.push({ id: '2', sql: 'ALTER TABLE old RENAME TO new' });
    await run('new', migrations, async (db) => {
      await db.run('DELETE FROM new');
      expect(await changesAfter(db, 0)).toEqual(['insert new: - → 1', 'delete new: 1 → -']);
    });
  });

  it('are as they were when a schema change fails', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE p (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE c (p INTEGER REFERENCES p)');
      await db.run('CREATE TABLE __new_p (id INTEGER PRIMARY KEY)');
      await db.run('INSERT INTO p VALUES (1)');
      await db.run('INSERT INTO c VALUES (1)');
      const { lsn } = db.log.head();
      await expect(db.run('DROP TABLE p')).rejects.toMatchObject({ code: 'FOREIGN_KEY_VIOLATION' });
      await expect(db.run('ALTER TABLE p DROP COLUMN id')).rejects.toThrow();
      expect(db.log.head().lsn).toBe(lsn);
      await db.batch([
        'DROP TABLE __new_p',
        'DELETE FROM c',
        'DROP TABLE p',
        'CREATE TABLE p (id INTEGER PRIMARY KEY)',
        'INSERT INTO p VALUES (2)',
      ]);
      expect(await changesAfter(db, lsn)).toEqual(['delete c: 1 → -', 'delete p: 1 → -', 'insert p: - → 2']);
      expect((await db.log.snapshot('p', { lsn })).rows).toEqual([{ id: 1 }]);
    }));
});

describe('schema changes', () => {
  it('are followed in the same transaction, and undone with it', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run("INSERT INTO t VALUES (1, 'x')");
      const { lsn } = db.log.head();
      await expect(
        db.transaction(async (tx) => {
          await tx.run("ALTER TABLE t ADD COLUMN b DEFAULT 'b'");
          await tx.run("INSERT INTO t VALUES (2, 'y', 'z')");
          tx.rollback();
        }),
      ).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' });
      expect(db.log.head().lsn).toBe(lsn);
      await db.run("UPDATE t SET a = 'y'");
      expect(await changesAfter(db, lsn)).toEqual(['update t: 1 x → 1 y']);
      await db.batch([
        "ALTER TABLE t ADD COLUMN b DEFAULT 'b'",
        "INSERT INTO t VALUES (2, 'y', 'z')",
        'ALTER TABLE t RENAME a TO c',
      ]);
      await db.run('ALTER TABLE t DROP COLUMN c');
      await db.run('UPDATE t SET b = 1 WHERE id = 2');
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ op, after }) => [op, after])).toEqual([
        ['update', { id: 1, b: 'b' }],
        ['schema', null],
        ['insert', { id: 2, b: 'z' }],
        ['schema', null],
        ['schema', null],
        ['update', { id: 2, b: 1 }],
      ]);
      expect(events[1]!.payload).toEqual({ event: 'alter', table: 't' });
      const versions = events.map(({ schemaVersion, lsn }) => [schemaVersion, lsn]);
      expect(versions[2]![0]).toBe(versions[1]![1]);
      expect(versions[5]![0]).toBe(versions[4]![1]);
    }));

  it('of a savepoint that failed leave the rest of the transaction as it was', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)');
      const { lsn } = db.log.head();
      db.transactionSync((tx) => {
        tx.run("INSERT INTO t VALUES (1, 'x')");
        expect(() =>
          tx.transaction((inner) => {
            inner.run('ALTER TABLE t ADD COLUMN b');
            inner.run("INSERT INTO t VALUES (2, 'y', 'z')");
            inner.rollback();
          }),
        ).toThrow();
        tx.run("INSERT INTO t VALUES (3, 'z')");
      });
      expect(await changesAfter(db, lsn)).toEqual(['insert t: - → 1 x', 'insert t: - → 3 z']);
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ tx }) => tx.total)).toEqual([2, 2]);
    }));

  it('keep capture ahead of triggers that change the new row', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run(
        "CREATE TRIGGER t_first AFTER INSERT ON t BEGIN UPDATE t SET a = 'set' WHERE id = NEW.id; END",
      );
      const { lsn } = db.log.head();
      await db.run('INSERT INTO t VALUES (1, NULL)');
      expect(await changesAfter(db, lsn)).toEqual(['insert t: - → 1 null', 'update t: 1 null → 1 set']);
    }));

  it('made behind the back of the handle are found at the next start', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run("INSERT INTO t VALUES (1, 'x')");
      storage.sql.exec('ALTER TABLE t ADD COLUMN b');
      storage.sql.exec(
        "CREATE TRIGGER t_first AFTER INSERT ON t BEGIN UPDATE t SET a = 'set' WHERE id = NEW.id; END",
      );
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const db = await open(storage);
      const { lsn } = db.log.head();
      await db.run('UPDATE t SET b = 1');
      await db.run('INSERT INTO t VALUES (2, NULL, 2)');
      expect(await changesAfter(db, lsn)).toEqual([
        'update t: 1 x null → 1 x 1',
        'insert t: - → 2 null 2',
        'update t: 2 null 2 → 2 set 2',
      ]);
    }, stub);
  });

  it('made behind its back begin a new history where rows may have changed unseen', async () => {
    const stub = freshStub();
    let lsn = 0;
    await inObject(async (storage) => {
      const db = await open(storage);
      for (const name of ['a', 'b', 'c']) {
        await db.run(`CREATE TABLE ${name} (id INTEGER PRIMARY KEY, v)`);
        await db.run(`INSERT INTO ${name} VALUES (1, '${name}')`);
      }
      lsn = db.log.head().lsn;
      storage.sql.exec(
        "DROP TABLE a; CREATE TABLE a (id INTEGER PRIMARY KEY, v); INSERT INTO a VALUES (2, 'x')",
      );
      storage.sql.exec('DROP TABLE b');
      storage.sql.exec('ALTER TABLE c RENAME TO d; UPDATE d SET v = 1');
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const db = await open(storage);
      await expect(db.log.snapshot('a', { lsn })).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      await expect(db.log.snapshot('b', { lsn })).rejects.toMatchObject({ code: 'TABLE_NOT_TRACKED' });
      // A rename takes capture along.
      expect((await db.log.snapshot('d', { lsn })).rows).toEqual([{ id: 1, v: 'c' }]);
      const { lsn: after } = db.log.head();
      await db.run('UPDATE a SET v = 3');
      expect(await changesAfter(db, after)).toEqual(['update a: 2 x → 2 3']);
      expect((await db.log.snapshot('a', { lsn: after })).rows).toEqual([{ id: 2, v: 'x' }]);
    }, stub);
  });

  it("of drizzle-kit's kind, a rebuild in a migration, cost no entry for rows that stay the same", () =>
    inObject(async (storage, ctx) => {
      const sources = [
        {
          id: '1',
          sql: "CREATE TABLE p (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO p VALUES (1, 'x'), (2, 'y'), (4, 'w')",
        },
        {
          id: '2',
          sql: 'CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE); INSERT INTO c VALUES (1, 2)',
        },
        {
          id: '3',
          sql: `PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE __new_p (id INTEGER PRIMARY KEY NOT NULL, a TEXT NOT NULL, b INTEGER DEFAULT 7);--> statement-breakpoint
INSERT INTO __new_p (id, a) SELECT id, CASE id WHEN 2 THEN 'changed' ELSE a END FROM p WHERE id < 4;--> statement-breakpoint
DROP TABLE p;--> statement-breakpoint
ALTER TABLE __new_p RENAME TO p;--> statement-breakpoint
PRAGMA foreign_keys=ON;`,
        },
      ];
      const db = await DB('t', {
        storage,
        ctx,
        migrations: sources.slice(0, 2),
        extensions: [changeLog({ tables: '*' })],
      });
      const { lsn } = db.log.head();
      await db.migrate(sources);
      expect(await changesAfter(db, lsn)).toEqual(['delete p: 4 w 7 → -', 'update p: 2 y 7 → 2 changed 7']);
      const { events } = await db.log.read({ after: lsn });
      expect(new Set(events.map(({ tx }) => tx.id)).size).toBe(1);
      const end = db.log.head().lsn;
      await db.run("INSERT INTO p VALUES (3, 'z', 1)");
      expect(await changesAfter(db, end)).toEqual(['insert p: - → 3 z 1']);
      expect((await db.query('SELECT * FROM c')).rows).toEqual([{ id: 1, p: 2 }]);
      expect((await db.log.snapshot('p', { lsn })).rows).toEqual([
        { id: 1, a: 'x', b: 7 },
        { id: 2, a: 'y', b: 7 },
        { id: 4, a: 'w', b: 7 },
      ]);
    }));

  it('of migrations that a new version brings along are followed, too', async () => {
    const stub = freshStub();
    const run = (migrations: { id: string; sql: string }[], work: (db: Logged) => Promise<void>) =>
      inObject(async (storage, ctx) => {
        await work(await DB('t', { storage, ctx, migrations, extensions: [changeLog({ tables: '*' })] }));
      }, stub);
    const migrations = [
      {
        id: '1',
        sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b'); CREATE TABLE k (name TEXT PRIMARY KEY); INSERT INTO k VALUES ('x'), ('y')",
      },
    ];
    let lsn = 0;
    await run(migrations, async (db) => {
      // History begins behind the migrations that were there before the log.
      lsn = db.log.head().lsn;
      expect(await changesAfter(db, 0)).toEqual([]);
    });
    await evictDurableObject(stub);
    migrations.push({
      id: '2',
      sql: `ALTER TABLE t DROP COLUMN b; UPDATE t SET a = 'c' WHERE id = 2; CREATE TABLE __new_k (name TEXT PRIMARY KEY, n INTEGER DEFAULT 1);
        INSERT INTO __new_k (name) SELECT name FROM k WHERE name <> 'x'; DROP TABLE k; ALTER TABLE __new_k RENAME TO k`,
    });
    await run(migrations, async (db) => {
      expect(await changesAfter(db, lsn)).toEqual([
        'update t: 2 a → 2 c',
        // Its rows have new rowids, by which the log knows them; keys are free before they are used again.
        'delete k: x 1 → -',
        'delete k: y 1 → -',
        'insert k: - → y 1',
      ]);
      expect((await db.log.snapshot('k', { lsn })).rows).toEqual([
        { name: 'x', n: 1 },
        { name: 'y', n: 1 },
      ]);
      expect((await db.log.read({ after: lsn })).events.every(({ tx }) => tx.total > 1)).toBe(true);
    });
  });

  it('of a migration that rebuilds a table keep capture ahead of its triggers for the next one', async () => {
    const stub = freshStub();
    const migrations = [
      {
        id: '1',
        sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, n); CREATE TABLE other (id INTEGER PRIMARY KEY, n UNIQUE);
          INSERT INTO other VALUES (7, 0);
          CREATE TRIGGER t_first AFTER INSERT ON t BEGIN UPDATE t SET n = 1 WHERE id = NEW.id; REPLACE INTO other (n) VALUES (0); END`,
      },
    ];
    const work = (check: (db: Logged) => Promise<void>) =>
      inObject(async (storage, ctx) => {
        await check(await DB('t', { storage, ctx, migrations, extensions: [changeLog({ tables: '*' })] }));
      }, stub);
    await work(async () => {});
    await evictDurableObject(stub);
    migrations.push(
      {
        id: '2',
        sql: 'CREATE TABLE __new_t (id INTEGER PRIMARY KEY, n, m); INSERT INTO __new_t (id, n) SELECT id, n FROM t; DROP TABLE t; ALTER TABLE __new_t RENAME TO t',
      },
      { id: '3', sql: 'INSERT INTO t (id) VALUES (1)' },
    );
    await work(async (db) => {
      expect(await changesAfter(db, 0)).toEqual([
        'insert t: - → 1 null null',
        'update t: 1 null null → 1 1 null',
        'delete other: 7 0 → -',
        'insert other: - → 8 0',
      ]);
    });
  });

  it('that add a column show its default as the column stores it, the same at every reading', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      const defaults = ['TEXT DEFAULT abc', 'TEXT DEFAULT "rid"', 'TEXT DEFAULT [x y]', 'TEXT DEFAULT 5'];
      defaults.push(
        "INTEGER DEFAULT '5'",
        "INTEGER DEFAULT '5x'",
        'INTEGER DEFAULT TRUE',
        "TEXT DEFAULT 'a''b'",
      );
      defaults.push('REAL DEFAULT 0.1', "BLOB DEFAULT x'00'", 'INTEGER DEFAULT -9007199254740993');
      for (const [i, text] of defaults.entries()) {
        const table = `t${i}`;
        await db.run(`CREATE TABLE ${table} (id INTEGER PRIMARY KEY)`);
        await db.run(`INSERT INTO ${table} VALUES (1), (2)`);
        await db.run(`DELETE FROM ${table} WHERE id = 1`);
        await db.run(`ALTER TABLE ${table} ADD COLUMN x ${text}`);
        const { rows } = await db.query(`SELECT x FROM ${table}`, [], { integers: 'bigint' });
        const { events } = await db.log.read({ tables: [table] });
        expect(events.find(({ op }) => op === 'delete')!.before, text).toEqual({ id: 1, ...rows[0] });
      }
      await db.run('CREATE TABLE r (id INTEGER PRIMARY KEY)');
      await db.run('INSERT INTO r VALUES (1)');
      await db.run('DELETE FROM r');
      await db.batch([
        'CREATE TABLE __new_r (id INTEGER PRIMARY KEY, x TEXT DEFAULT (hex(randomblob(8))))',
        'DROP TABLE r',
        'ALTER TABLE __new_r RENAME TO r',
      ]);
      const read = async () => (await db.log.read({ tables: ['r'] })).events;
      expect(await read()).toEqual(await read());
    }));

  it('that change a key lose nothing a consumer has not seen', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT)');
      const consumer = await db.log.consumer('c', { from: 'now' });
      await db.run("INSERT INTO t VALUES ('1', 'a'), ('2', 'b')");
      await db.run("DELETE FROM t WHERE id = '2'");
      const rebuild = (columns: string) =>
        db.batch([
          `CREATE TABLE __new_t (${columns})`,
          'INSERT INTO __new_t (id, v) SELECT id, v FROM t',
          'DROP TABLE t',
          'ALTER TABLE __new_t RENAME TO t',
        ]);
      await rebuild('id TEXT, v TEXT, n INTEGER DEFAULT 5, PRIMARY KEY (id, v)');
      await db.run("UPDATE t SET n = 6 WHERE id = '1'");
      await rebuild('id TEXT, v TEXT, n INTEGER DEFAULT 5, PRIMARY KEY (id, v)) WITHOUT ROWID; --');
      const told = async () => {
        const { events, ack } = await consumer.drain();
        await ack();
        const text = (row: object | null) => (row ? Object.values(row).join(' ') : '-');
        return events
          .filter(({ op }) => op !== 'schema')
          .map(({ op, before, after }) => `${op} ${text(before)} → ${text(after)}`);
      };
      expect(await told()).toEqual([
        'insert - → 1 a 5',
        'insert - → 2 b 5',
        'delete 2 b 5 → -',
        'delete 1 a 5 → -',
        'insert - → 1 a 5',
        'update 1 a 5 → 1 a 6',
        'delete 1 a 6 → -',
        'insert - → 1 a 5',
      ]);
      await db.run('UPDATE t SET n = 7');
      expect(await told()).toEqual(['update 1 a 5 → 1 a 7']);
      expect(db.log.stats().tables).toMatchObject([{ name: 't', dropped: false }]);
      await db.log.prune({ before: Infinity });
      expect((await db.query('SELECT name FROM _dosql_tab WHERE meta <> ?', ['null'])).rows).toEqual([
        { name: 't' },
      ]);
    }));

  it('that bring a table with rows log each of them', () =>
    inObject(async (storage) => {
      const db = await open(storage, { exclude: ['outside'] });
      await db.run("CREATE TABLE t AS SELECT 1 AS id, 'x' AS a UNION SELECT 2, 'y'");
      await db.run('CREATE TABLE outside (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run("INSERT INTO outside VALUES (3, 'z')");
      await db.run('ALTER TABLE outside RENAME TO inside');
      await db.run("UPDATE inside SET a = 'w'");
      expect(await changesAfter(db, 0)).toEqual([
        'insert t: - → 1 x',
        'insert t: - → 2 y',
        'insert inside: - → 3 z',
        'update inside: 3 z → 3 w',
      ]);
    }));

  it('that drop a table log the loss of its rows', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run("INSERT INTO t VALUES (1, 'x'), (2, 'y')");
      const { lsn } = db.log.head();
      await db.run('DROP TABLE t');
      expect(await changesAfter(db, lsn)).toEqual(['delete t: 1 x → -', 'delete t: 2 y → -']);
      await db.run('CREATE TABLE other (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run("INSERT INTO other VALUES (2, 'new')");
      await db.run('ALTER TABLE other RENAME TO t');
      expect((await db.log.snapshot('t', { lsn: db.log.head().lsn })).rows).toEqual([{ id: 2, a: 'new' }]);
    }));
});
