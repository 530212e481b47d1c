import { describe, expect, it, vi } from 'vitest';
import { DB, type QueryEvent } from '../../../src/index.ts';
import { inObject } from '../object.ts';

describe('statements', () => {
  it('run as one transaction when one text holds several', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const { rows } = await db.query(
        "CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES ('x;y'); SELECT * FROM t; ",
      );
      expect(rows).toEqual([{ a: 'x;y' }]);
      await expect(db.run("INSERT INTO t VALUES ('z'); INSERT INTO t VALUES ('z')")).rejects.toMatchObject({
        code: 'UNIQUE_VIOLATION',
      });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 1 }]);
      await expect(db.run('SELECT ?; SELECT ?', [1, 2])).rejects.toMatchObject({
        code: 'MULTIPLE_STATEMENTS',
      });
    }));

  it('count changes and the last rowid, 0 for reads and DDL', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      expect(await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a)')).toMatchObject({
        changes: 0,
        lastInsertRowid: 0,
      });
      expect(await db.run("INSERT INTO t (a) VALUES ('x'), ('y')")).toMatchObject({
        changes: 2,
        lastInsertRowid: 2,
        rowsWritten: 2,
        rows: [],
      });
      expect(await db.run("UPDATE t SET a = 'z' RETURNING id")).toMatchObject({
        changes: 2,
        rows: [{ id: 1 }, { id: 2 }],
      });
      expect(await db.run('SELECT * FROM t')).toMatchObject({ changes: 0, lastInsertRowid: 0 });
      expect(await db.run('INSERT INTO t (id) VALUES (9223372036854775807)')).toMatchObject({
        lastInsertRowid: 9223372036854775807n,
      });
      expect(await db.run('DELETE FROM t')).toMatchObject({ changes: 3 });
    }));

  it('bind every value of the tagged template', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const evil = "'; DROP TABLE t; --";
      expect(await db.sql`SELECT ${evil} AS a, ${1} + ${2} AS b`).toEqual([{ a: evil, b: 3 }]);
    }));

  it('stream rows with iterate, in both shapes, and exactly', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, big)');
      await db.run('INSERT INTO t VALUES (1, 5), (2, 9007199254740993), (3, 1e20), (4, -9007199254740993)');
      const sql = 'SELECT id, big FROM t WHERE id > ? ORDER BY id';
      expect([...db.iterate(sql, [0], { integers: 'bigint' })]).toEqual([
        { id: 1, big: 5 },
        { id: 2, big: 9007199254740993n },
        { id: 3, big: 1e20 },
        { id: 4, big: -9007199254740993n },
      ]);
      expect([...db.iterate(sql, [3], { integers: 'string', rows: 'values' })]).toEqual([
        [4, '-9007199254740993'],
      ]);
      const iterator = db.iterate(sql, [0]);
      expect(iterator.next().value).toEqual({ id: 1, big: 5 });
      expect(() => iterator.next()).toThrow(expect.objectContaining({ code: 'INTEGER_OUT_OF_RANGE' }));
      expect(() => [...db.iterate('SELEC')]).toThrow(expect.objectContaining({ code: 'SYNTAX_ERROR' }));
    }));

  it('iterate throws a DosqlError when SQLite fails behind the first row', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      const rows = db.iterate('SELECT json(value) FROM json_each(?)', ['["1","{"]']);
      expect(() => [...rows]).toThrow(expect.objectContaining({ code: 'SQL_ERROR' }));
    }));

  it('explain says what runs and what it reads, and runs nothing', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
      const { plan, sql, relations } = await db.explain(
        'WITH c AS (SELECT * FROM t WHERE id = ?) SELECT * FROM c, t AS u',
        [1],
      );
      expect(JSON.stringify(plan)).toContain('SEARCH t USING INTEGER PRIMARY KEY');
      expect(relations).toEqual(['t']);
      expect(sql).toContain('WITH c AS');
      await db.run('INSERT INTO t VALUES (1, 1)');
      await db.explain('DELETE FROM t');
      await expect(db.explain('SELECT 1; DELETE FROM t')).rejects.toMatchObject({
        code: 'MULTIPLE_STATEMENTS',
      });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 1 }]);
    }));

  it('report events with counts and tables, parameters only when asked for', () =>
    inObject(async (storage) => {
      const events: QueryEvent[] = [];
      const db = await DB('t', { storage, onQuery: (event) => events.push(event) });
      await db.run('CREATE TABLE t (a)');
      await db.run('INSERT INTO t VALUES (?)', ['secret']);
      await db.query('SELECT * FROM t');
      await expect(db.query('SELECT * FROM nope')).rejects.toThrow();
      expect(
        events.map(({ sql, rowsRead, rowsWritten, tables }) => [
          sql.slice(0, 6),
          rowsRead,
          rowsWritten,
          tables,
        ]),
      ).toEqual([
        ['CREATE', expect.any(Number), expect.any(Number), ['t']],
        ['INSERT', expect.any(Number), 1, ['t']],
        ['SELECT', 1, 0, ['t']],
        ['SELECT', 0, 0, ['nope']],
      ]);
      expect(events[3]).toHaveProperty('error.code', 'NO_SUCH_TABLE');
      expect(JSON.stringify(events)).not.toContain('secret');
      const open = await DB('t', { storage, captureParams: true, onQuery: (event) => events.push(event) });
      await open.query('SELECT ?', ['seen']);
      expect(events.at(-1)).toMatchObject({ params: ['seen'] });
    }));

  it('give results that what onQuery runs itself cannot change', () =>
    inObject(async (storage) => {
      const log = await DB('log', { storage });
      await log.run('CREATE TABLE log (id INTEGER PRIMARY KEY, sql TEXT)');
      await log.run("INSERT INTO log VALUES (100, '')");
      const db = await DB('t', {
        storage,
        onQuery: ({ sql }) => log.runSync('INSERT INTO log (sql) VALUES (?)', [sql]),
      });
      await db.run('CREATE TABLE t (a)');
      expect(await db.run('INSERT INTO t VALUES (1), (2)')).toMatchObject({ changes: 2, lastInsertRowid: 2 });
      expect(await db.query('SELECT a FROM t')).toMatchObject({ rows: [{ a: 1 }, { a: 2 }], columns: ['a'] });
    }));

  it('outlive a listener that throws', () =>
    inObject(async (storage) => {
      const said = vi.spyOn(console, 'error').mockImplementation(() => {});
      const db = await DB('t', {
        storage,
        onQuery() {
          throw new Error('listener');
        },
      });
      await db.run('CREATE TABLE t (a)');
      expect((await db.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      expect(said).toHaveBeenCalledTimes(2);
      said.mockRestore();
    }));

  it('refuse what is no statement of a batch, no deadline, and a pragma to explain', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await expect(db.batch([undefined as never])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(db.transaction(async () => {}, { timeoutMs: Number.NaN })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
      await expect(db.explain('PRAGMA recursive_triggers = 1')).rejects.toMatchObject({
        code: 'UNSUPPORTED_STATEMENT',
      });
      expect((await db.query('PRAGMA recursive_triggers')).rows).toEqual([{ recursive_triggers: 0 }]);
    }));

  it('maintenance and flush report and resolve', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a)');
      await db.flush();
      // The first one writes the statistics.
      await db.maintenance();
      expect(await db.maintenance()).toEqual({
        done: true,
        sizeBefore: db.size,
        sizeAfter: db.size,
        extensions: {},
      });
      await expect(db.maintenance({ archiveOlderThan: '7d' })).rejects.toMatchObject({
        code: 'FEATURE_NOT_ENABLED',
      });
    }));
});

describe('what a statement may not be', () => {
  const refused: [sql: string, code: string][] = [
    ['', 'EMPTY_STATEMENT'],
    [' ; -- nothing', 'EMPTY_STATEMENT'],
    ['SELEC 1', 'SYNTAX_ERROR'],
    ['SELECT (', 'SYNTAX_ERROR'],
    ["SELECT 'open", 'SYNTAX_ERROR'],
    ['SELECT * FROM missing', 'NO_SUCH_TABLE'],
    ['SELECT missing FROM p', 'NO_SUCH_COLUMN'],
    ['INSERT INTO p (missing) VALUES (1)', 'NO_SUCH_COLUMN'],
    ['BEGIN', 'TRANSACTION_CONTROL'],
    ['commit', 'TRANSACTION_CONTROL'],
    ['/* x */ SAVEPOINT a', 'TRANSACTION_CONTROL'],
    ['ROLLBACK TO a', 'TRANSACTION_CONTROL'],
    ['INSERT OR ROLLBACK INTO p VALUES (1)', 'UNSUPPORTED_STATEMENT'],
    ['UPDATE OR ROLLBACK p SET id = 1', 'UNSUPPORTED_STATEMENT'],
    ['CREATE TABLE x (a UNIQUE ON CONFLICT ROLLBACK)', 'UNSUPPORTED_STATEMENT'],
    ["CREATE TRIGGER x AFTER INSERT ON p BEGIN SELECT RAISE(ROLLBACK, 'no'); END", 'UNSUPPORTED_STATEMENT'],
    ['PRAGMA foreign_keys = OFF', 'UNSUPPORTED_STATEMENT'],
    ['PRAGMA defer_foreign_keys = ON', 'UNSUPPORTED_STATEMENT'],
    ['PRAGMA user_version', 'NOT_AUTHORIZED'],
    ["ATTACH ':memory:' AS x", 'NOT_AUTHORIZED'],
    ['INSERT INTO p VALUES (1)', 'UNIQUE_VIOLATION'],
    ['INSERT INTO c VALUES (1, 99, 1)', 'FOREIGN_KEY_VIOLATION'],
    ['INSERT INTO c VALUES (1, NULL, 1)', 'NOT_NULL_VIOLATION'],
    ['INSERT INTO c VALUES (1, 1, -1)', 'CHECK_VIOLATION'],
    ["INSERT INTO p VALUES ('x')", 'DATATYPE_MISMATCH'],
    ["INSERT INTO s VALUES ('x')", 'DATATYPE_MISMATCH'],
    ["SELECT * FROM p FOR SYSTEM_TIME AS OF '2026-01-01'", 'FEATURE_NOT_ENABLED'],
    ["SELECT * FROM 'https://example.com/a.json'", 'FEATURE_NOT_ENABLED'],
    ["SELECT * FROM read_csv('r2://b/a.csv')", 'FEATURE_NOT_ENABLED'],
    ['SELECT * FROM read_csv', 'NO_SUCH_TABLE'],
    ['INSERT INTO read_json (a) VALUES (1)', 'NO_SUCH_TABLE'],
    [`SELECT 1 WHERE 'a' LIKE '${'x'.repeat(51)}'`, 'LIMIT_EXCEEDED'],
    [`SELECT ${Array.from({ length: 101 }, () => '1').join(',')}`, 'LIMIT_EXCEEDED'],
    [`SELECT 1 WHERE ${Array.from({ length: 120 }, (_, i) => `1 = ${i}`).join(' AND ')}`, 'LIMIT_EXCEEDED'],
    [`SELECT '${'x'.repeat(100_001)}'`, 'LIMIT_EXCEEDED'],
    ['SELECT ?101', 'PARAMETER_COUNT'],
  ];
  it.each(refused)('%.60s is %s', (sql, code) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE p (id INTEGER PRIMARY KEY)',
        'CREATE TABLE c (id INTEGER PRIMARY KEY, p NOT NULL REFERENCES p, n CHECK (n > 0))',
        'CREATE TABLE s (n INTEGER) STRICT',
        'INSERT INTO p VALUES (1)',
      ]);
      const error = await db.query(sql).catch((error: unknown) => error);
      expect(error).toMatchObject({ name: 'DosqlError', code });
      expect(
        (await db.query('SELECT (SELECT count(*) FROM p) + (SELECT count(*) FROM c) AS n')).rows,
      ).toEqual([{ n: 1 }]);
    }),
  );

  it.each([
    ['SELECT * FROM "no such: thing"', { table: 'no such: thing' }],
    ['SELECT t."odd name" FROM t', { columns: ['t.odd name'] }],
    ['INSERT INTO t ("odd name") VALUES (1)', { columns: ['odd name'] }],
    ['SELECT "odd" FROM t AS x WHERE x.missing', { columns: ['x.missing'] }],
  ])('the error of %s names it whole', (sql, names) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a)');
      await expect(db.query(sql)).rejects.toMatchObject(names);
    }),
  );

  it('a value over the row limit is LIMIT_EXCEEDED and writes nothing', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a)');
      await expect(db.run('INSERT INTO t VALUES (?)', ['x'.repeat(9_000_000)])).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        limit: { name: 'row bytes' },
      });
      expect((await db.query('SELECT * FROM t')).rows).toEqual([]);
    }));

  it('a schema change beside an iterator that was left says what locks the table', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch(['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1), (2)']);
      const rows = db.iterate('SELECT a FROM t')[Symbol.iterator]();
      rows.next();
      await expect(db.run('DROP TABLE t')).rejects.toMatchObject({
        code: 'TABLE_LOCKED',
        message: expect.stringContaining('iterator or cursor was not read to its end'),
      });
      rows.next();
      rows.next();
      await db.run('DROP TABLE t');
    }));

  it('text that is not a string is INVALID_ARGUMENT', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await expect(db.query(undefined as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }));

  it.each([
    'the account is locked',
    'not authorized',
    'too many columns',
    'no such table: x',
    'syntax error',
    'UNIQUE constraint failed: a.b',
  ])('RAISE of a trigger is a violation, also when it says "%s"', (words) =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE t (a)');
      await db.run(`CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, '${words}'); END`);
      const error = await db.run('INSERT INTO t VALUES (1)').catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'CONSTRAINT_VIOLATION', message: expect.stringContaining(words) });
    }),
  );

  it('names table, columns and constraint of a violation', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run(
        'CREATE TABLE u (a, b, n INTEGER NOT NULL, CONSTRAINT positive CHECK (n > 0), UNIQUE (a, b))',
      );
      await db.run('INSERT INTO u VALUES (1, 1, 1)');
      await expect(db.run('INSERT INTO u VALUES (1, 1, 1)')).rejects.toMatchObject({
        table: 'u',
        columns: ['a', 'b'],
      });
      await expect(db.run('INSERT INTO u VALUES (1, 2, NULL)')).rejects.toMatchObject({
        table: 'u',
        columns: ['n'],
      });
      await expect(db.run('INSERT INTO u VALUES (1, 2, 0)')).rejects.toMatchObject({
        constraint: 'positive',
      });
      await expect(db.run('SELECT 1 +')).rejects.toMatchObject({ statement: 'SELECT 1 +' });
    }));

  it('is one of the foreign key also where the key says RESTRICT', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE p (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE c (p REFERENCES p ON DELETE RESTRICT ON UPDATE RESTRICT)');
      await db.run('INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)');
      for (const sql of ['DELETE FROM p', 'UPDATE p SET id = 2'])
        await expect(db.run(sql)).rejects.toMatchObject({ code: 'FOREIGN_KEY_VIOLATION' });
    }));

  it('names them where names hold dots and commas, and the column that a STRICT table refuses', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run(
        'CREATE TABLE "a.b" ("x, y" INTEGER UNIQUE, "z.z" INTEGER, w INTEGER, UNIQUE ("z.z", w)) STRICT',
      );
      await db.run('INSERT INTO "a.b" VALUES (1, 1, 1)');
      const of = (values: string) => db.run(`INSERT INTO "a.b" VALUES (${values})`);
      await expect(of('1, 2, 2')).rejects.toMatchObject({ table: 'a.b', columns: ['x, y'] });
      await expect(of('2, 1, 1')).rejects.toMatchObject({ table: 'a.b', columns: ['z.z', 'w'] });
      await expect(of("3, 3, 'x'")).rejects.toMatchObject({
        code: 'DATATYPE_MISMATCH',
        table: 'a.b',
        columns: ['w'],
      });
      await db.run('CREATE TRIGGER r AFTER DELETE ON "a.b" BEGIN INSERT INTO gone VALUES (1); END');
      await expect(db.run('DELETE FROM "a.b"')).rejects.toMatchObject({
        code: 'NO_SUCH_TABLE',
        table: 'gone',
      });
    }));
});

describe('settings of the connection', () => {
  const value = (storage: DurableObjectStorage, pragma: string) =>
    [...storage.sql.exec(`PRAGMA ${pragma}`).raw()][0]?.[0];

  it('do not leak from a pragma into the next transaction', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.query('PRAGMA recursive_triggers = ON');
      await db.query('PRAGMA case_sensitive_like = 1');
      expect(value(storage, 'recursive_triggers')).toBe(1);
      await db.batch(['SELECT 1']);
      expect(value(storage, 'recursive_triggers')).toBe(0);
      expect((await db.query("SELECT 'a' LIKE 'A' AS same")).rows).toEqual([{ same: 1 }]);
      await db.query('PRAGMA recursive_triggers(1)');
      await db.transaction(async () => {});
      expect(value(storage, 'recursive_triggers')).toBe(0);
    }));

  it('turn a deferred foreign key violation into an error instead of a reset of the object', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE p (id INTEGER PRIMARY KEY)',
        'CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
      ]);
      const violation = expect.objectContaining({ code: 'FOREIGN_KEY_VIOLATION', table: 'c' });
      await expect(db.run('INSERT INTO c VALUES (1)')).rejects.toEqual(violation);
      await expect(db.batch(['INSERT INTO c VALUES (1)'])).rejects.toEqual(violation);
      await expect(
        db.transaction(async (tx) => void (await tx.run('INSERT INTO c VALUES (1)'))),
      ).rejects.toEqual(violation);
      await db.batch(['INSERT INTO c VALUES (1)', 'INSERT INTO p VALUES (1)']);
      await scheduler.wait(1);
      await expect(db.run('DROP TABLE p')).rejects.toEqual(violation);
      await scheduler.wait(1);
      expect((await db.query('SELECT * FROM c JOIN p ON p.id = c.p')).rows).toMatchObject([{ p: 1 }]);
    }));

  it('say so when a deferred key cannot be checked', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.run('CREATE TABLE p (a)');
      await db.run('CREATE TABLE c (a REFERENCES p (a) DEFERRABLE INITIALLY DEFERRED)');
      await expect(db.run('INSERT INTO p VALUES (1)')).rejects.toMatchObject({
        name: 'DosqlError',
        message: expect.stringContaining('foreign key mismatch'),
      });
      expect((await db.query('SELECT * FROM p')).rows).toEqual([]);
    }));

  it('are known anew when a schema change is rolled back', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch([
        'CREATE TABLE p (id INTEGER PRIMARY KEY)',
        'CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)',
      ]);
      await expect(db.batch(['DROP TABLE c', 'INSERT INTO p VALUES (1)', 'SELEC'])).rejects.toThrow();
      await expect(db.run('INSERT INTO c VALUES (7)')).rejects.toMatchObject({
        code: 'FOREIGN_KEY_VIOLATION',
      });
    }));

  it('check what defer_foreign_keys put off', () =>
    inObject(async (storage) => {
      const db = await DB('t', { storage });
      await db.batch(['CREATE TABLE p (id INTEGER PRIMARY KEY)', 'CREATE TABLE c (p REFERENCES p)']);
      await expect(
        db.batch(['PRAGMA defer_foreign_keys = ON', 'INSERT INTO c VALUES (1)']),
      ).rejects.toMatchObject({ code: 'FOREIGN_KEY_VIOLATION' });
      await db.batch([
        'PRAGMA defer_foreign_keys = ON',
        'INSERT INTO c VALUES (1)',
        'INSERT INTO p VALUES (1)',
      ]);
      expect(() => db.runSync('INSERT INTO c VALUES (2)')).toThrow('FOREIGN KEY');
      db.transactionSync((tx) => {
        expect(() =>
          tx.transaction((inner) => {
            inner.query('PRAGMA defer_foreign_keys = ON');
            throw new Error('mine');
          }),
        ).toThrow('mine');
      });
      expect(() => db.runSync('INSERT INTO c VALUES (2)')).toThrow('FOREIGN KEY');
      await scheduler.wait(1);
      await expect(db.run('INSERT INTO c VALUES (2)')).rejects.toMatchObject({
        code: 'FOREIGN_KEY_VIOLATION',
      });
    }));
});
