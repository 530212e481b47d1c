import { describe, expect, test } from 'vitest';
import { type Database, DB } from '../../../src/index.ts';
import { exportDatabase, importDatabase } from '../../../src/server/transfer/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';
import { contents, FULL, fill, load, open, text } from './transfers.ts';

const BYTES = new Uint8Array(900_000).map((_, i) => i);
const LATIN1 = new TextDecoder('latin1').decode(BYTES);
const TEXT = `'${'ü;'.repeat(200_000)}`;

describe('export and import', () => {
  test('of a dump gives the same database, with every kind of value, table, index, view and trigger', async () => {
    const [dump, before] = await inObject(async (storage) => {
      const db = await open(storage);
      await fill(db);
      return [await text(db), await contents(db)] as const;
    });
    expect(dump).toMatch(/COMMIT;\n$/);
    await inObject(async (storage) => {
      const db = await open(storage);
      const state = await load(db, dump, 'id=1');
      expect(state).toMatchObject({ done: true, offset: new TextEncoder().encode(dump).length });
      expect(await contents(db)).toEqual(before);
      // Enforcement is on again.
      await expect(db.run('INSERT INTO child VALUES (99, 12345, NULL, NULL)')).rejects.toMatchObject({
        code: 'FOREIGN_KEY_VIOLATION',
      });
      expect(await text(db)).toBe(dump);
    });
  });

  test.each([
    'CREATE TABLE pragma_log (_cf INTEGER)',
    "CREATE TABLE _dosql (pragma_a TEXT CHECK(pragma_a <> 'pragma_table_list'))",
    'CREATE VIEW v AS SELECT 1 AS _cf',
  ])('of what only looks like a name of others: %s', async (schema) => {
    const dump = await inObject(async (storage) => {
      const db = await open(storage);
      await db.query(schema);
      return text(db);
    });
    await inObject(async (storage) => {
      const db = await open(storage);
      await load(db, dump, 'id=1');
      expect(await text(db)).toBe(dump);
    });
  });

  test.each(['csv', 'ndjson'])(
    'of rows as %s keeps the class of every value, also where a column converts',
    async (format) => {
      const table =
        'CREATE TABLE kinds (v, t TEXT, i INTEGER, r REAL, n NUMERIC, b BLOB, upper TEXT AS (upper(t)) STORED)';
      const all = 'SELECT *, typeof(v), typeof(t), typeof(i), typeof(r), typeof(n), typeof(b) FROM kinds';
      const values = { rows: 'values', integers: 'bigint' } as const;
      const [file, before] = await inObject(async (storage) => {
        const db = await open(storage);
        await fill(db);
        return [
          await text(db, `format=${format}&table=kinds`),
          (await db.query(all.replace('*', 'v,t,i,r,n,b,upper'), [], values)).rows,
        ];
      });
      await inObject(async (storage) => {
        const db = await open(storage);
        await db.query(table);
        const state = await load(db, file, `id=1&format=${format}&table=kinds`);
        expect(state).toMatchObject({ done: true });
        expect((await db.query(all, [], values)).rows).toEqual(before);
      });
    },
  );

  test('of rows of megabytes and of a hundred columns', async () => {
    const all = async (db: Database) => [
      // Vitest takes seconds to compare a million bytes.
      (await db.query<{ a: Uint8Array; b: string }>('SELECT * FROM big')).rows.map(({ a, b, ...rest }) => [
        new TextDecoder('latin1').decode(a) === LATIN1,
        b === TEXT,
        rest,
      ]),
      (await db.query('SELECT * FROM wide')).rows,
    ];
    const [dump, before] = await inObject(async (storage) => {
      const db = await open(storage);
      const columns = Array.from({ length: 100 }, (_, i) => `c${i}`);
      await db.query(`CREATE TABLE wide (${columns.join(',')})`);
      await db.query(`INSERT INTO wide VALUES (${columns.map((_, i) => (i % 3 ? i : `'t${i}'`)).join(',')})`);
      await db.query('CREATE TABLE big (id INTEGER PRIMARY KEY, a, b, c)');
      for (let id = 1; id <= 3; id++)
        await db.run('INSERT INTO big VALUES (?, ?, ?, ?)', [id, BYTES, TEXT, `\0${'y'.repeat(5_000)}`]);
      return [await text(db), await all(db)] as const;
    });
    await inObject(async (storage) => {
      const db = await open(storage);
      await load(db, dump, 'id=1');
      expect(await all(db)).toEqual(before);
      expect(before[0]).toMatchObject([
        [true, true, { id: 1 }],
        [true, true, { id: 2 }],
        [true, true, { id: 3 }],
      ]);
    });
  });
});

describe('an export', () => {
  const rows =
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) INSERT INTO t SELECT i, i FROM n';

  async function interrupted(db: Database, consistency: string, change: string): Promise<string | Error> {
    const response = await exportDatabase(new Request(`http://x/export?consistency=${consistency}`), {
      db,
      grant: FULL,
    });
    const reader = response.body!.getReader();
    let found = new TextDecoder().decode((await reader.read()).value);
    // Held: the write waits until the end, so nobody may wait for it.
    const written = db.query(change);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        found += new TextDecoder().decode(value);
      }
    } catch (error) {
      return new Error(found.slice(-200), { cause: error });
    } finally {
      await written;
    }
    return found;
  }

  test.each(['INSERT INTO t VALUES (9999, 1)', 'CREATE TABLE other (x)'])(
    'during which somebody runs %s breaks off and cannot be loaded; one that holds the others, or accepts it, goes through',
    async (change) => {
      await inObject(async (storage) => {
        const db = await open(storage);
        await db.query('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
        await db.query(rows);
        const broken = await interrupted(db, 'checked', change);
        expect(broken).toBeInstanceOf(Error);
        expect((broken as Error).message).toMatch(/ROLLBACK; -- DATABASE_CHANGED/);
        expect((broken as Error).message).not.toContain('COMMIT');
        const again = change.replace('9999', '9998').replace('other', 'another');
        expect(await interrupted(db, 'held', again)).toMatch(/COMMIT;\n$/);
        expect(
          await interrupted(db, 'page', again.replace('9998', '9997').replace('another', 'third')),
        ).toMatch(/COMMIT;\n$/);
      });
    },
  );

  test('loses nothing behind a comment that is never closed', async () => {
    const schema = async (db: Database) =>
      (await db.query("SELECT name FROM sqlite_master WHERE name NOT GLOB '_*' ORDER BY name")).rows;
    const made = [
      'CREATE TABLE t (a)',
      'CREATE INDEX i ON t (a) /* never closed',
      'CREATE INDEX j ON t (a) -- closed',
      'CREATE VIEW v AS SELECT 1 AS a /* never closed',
      'CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END',
    ];
    const [dump, before] = await inObject(async (storage) => {
      const db = await open(storage);
      for (const sql of made) await db.run(sql);
      return [await text(db), await schema(db)] as const;
    });
    expect(before).toHaveLength(5);
    await inObject(async (storage) => {
      const db = await open(storage);
      await load(db, dump, 'id=1');
      expect(await schema(db)).toEqual(before);
    });
  });

  test('of rows refuses a table that has none of its own', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await fill(db);
      for (const query of ['format=ndjson&table=docs_fts', 'format=csv&table=words'])
        await expect(text(db, query)).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT' });
    });
  });

  test('that nobody reads any more lets the others go on', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
      await db.query(rows);
      const response = await exportDatabase(new Request('http://x/export?consistency=held'), {
        db,
        grant: FULL,
      });
      await response.body!.cancel();
      await db.query('DROP TABLE t');
    });
  });

  test('gives what the grant allows, and no internal table', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query(
        'CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO a VALUES (1),(2),(3); INSERT INTO b VALUES (1)',
      );
      await load(db, 'INSERT INTO b VALUES (2);', 'id=1');
      expect(await text(db)).not.toContain('_dosql_');
      const get = (query: string, grant: object) =>
        exportDatabase(new Request(`http://x/export?${query}`), { db, grant: { ...FULL, ...grant } }).then(
          (response) => response.text(),
        );
      expect(await get('table=A', { tables: ['a'] })).not.toContain('"b"');
      await expect(get('', { tables: ['a'] })).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
      await expect(get('table=b', { tables: ['a'] })).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
      await expect(get('', { read: false })).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
      await expect(get('table=a', { rowCap: 2 })).rejects.toThrow();
      for (const name of ['_dosql_import', 'sqlite_master', 'nowhere'])
        await expect(get(`table=${name}`, {})).rejects.toMatchObject({ code: 'NO_SUCH_TABLE' });
      await expect(get('format=csv', {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(get('format=xml', {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
  });
});

describe('an import', () => {
  test('goes on where it was cut off at any byte, and takes nothing twice', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query('CREATE TABLE log (v)');
      const file = `-- a; comment\nCREATE TABLE t (v);\nCREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); SELECT 1; END;\nINSERT INTO t VALUES ('a;''b'), ('ü /* ');\nINSERT INTO "t"("v") VALUES(1),(x'3b');/* ; */\nINSERT INTO t VALUES (NULL);\n`;
      const bytes = new TextEncoder().encode(file);
      let offset = 0;
      for (let end = 7; offset < bytes.length; end += 7) {
        const more = end < bytes.length ? '&more=1' : '';
        // From the start each time: what is in is skipped.
        const state = await load(db, bytes.slice(0, end), `id=a&offset=0${more}`);
        if (!more) expect(state['done']).toBe(true);
        offset = more ? (state['offset'] as number) : bytes.length;
      }
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 5 }]);
      // The trigger was there before the rows behind it, and did not fire.
      expect((await db.query('SELECT * FROM log')).rows).toEqual([]);
      await db.query('INSERT INTO t VALUES (2)');
      expect((await db.query('SELECT * FROM log')).rows).toEqual([{ v: 1 }]);
      await expect(load(db, '', 'id=b&offset=5')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(load(db, '', 'id=a&format=csv&table=t')).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    });
  });

  test('that fails keeps what came before, says where it stands, and goes on with a mended file', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query('CREATE TABLE t (id INTEGER PRIMARY KEY)');
      const lines = Array.from({ length: 20_000 }, (_, i) => `{"id":${i}}\n`);
      const broken = [...lines.slice(0, 15_000), '{"id":1}\n', ...lines.slice(15_000)].join('');
      await expect(load(db, broken, 'id=a&format=ndjson&table=t')).rejects.toMatchObject({
        code: 'UNIQUE_VIOLATION',
        message: expect.stringMatching(/between bytes \d+ and \d+/),
      });
      expect(await load(db, lines.join(''), 'id=a&format=ndjson&table=t')).toMatchObject({
        units: 20_000,
        done: true,
      });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 20_000 }]);
    });
  });

  test('loads into an object that ran its migrations, whose triggers do not fire', async () => {
    const migrations = [
      {
        id: '0001_all',
        sql: `CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE log (id); CREATE TRIGGER t_ai AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); END; CREATE INDEX i ON t(v);`,
      },
    ];
    const dump = await inObject(async (storage) => {
      const db = await DB('a', { storage, migrations });
      await db.query('INSERT INTO t VALUES (1, 2)');
      return text(db);
    });
    await inObject(async (storage) => {
      const db = await DB('a', { storage, migrations });
      await load(db, dump, 'id=1');
      expect((await db.query('SELECT * FROM log')).rows).toEqual([{ id: 1 }]);
      await db.query('INSERT INTO t VALUES (2, 2)');
      expect((await db.query('SELECT * FROM log')).rows).toEqual([{ id: 1 }, { id: 2 }]);
      expect((await db.migrate()).applied).toEqual([]);
    });
  });

  test.each([
    ['DROP TABLE t', 'UNSUPPORTED_STATEMENT'],
    ['UPDATE t SET id = 2', 'UNSUPPORTED_STATEMENT'],
    ['DELETE FROM t', 'UNSUPPORTED_STATEMENT'],
    ['PRAGMA writable_schema=ON', 'UNSUPPORTED_STATEMENT'],
    ["INSERT INTO _dosql_import VALUES ('x','sql',NULL,0,0,NULL,1,'')", 'NOT_AUTHORIZED'],
    ['INSERT INTO "_dosql_import"("id") VALUES(1)', 'NOT_AUTHORIZED'],
    ["INSERT INTO '_DOSQL_import' VALUES (1)", 'NOT_AUTHORIZED'],
    ['INSERT INTO t SELECT offset FROM _dosql_import', 'NOT_AUTHORIZED'],
    ['INSERT INTO "t"("id") VALUES((SELECT offset FROM _dosql_import))', 'NOT_AUTHORIZED'],
    [`INSERT INTO "t"("id") VALUES(1)--'\n,((SELECT offset FROM _dosql_import))--'`, 'NOT_AUTHORIZED'],
    ['INSERT INTO sqlite_sequence SELECT id, 1 FROM _dosql_import', 'NOT_AUTHORIZED'],
    ['CREATE VIEW v AS SELECT * FROM _dosql_import', 'NOT_AUTHORIZED'],
    ['CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM _dosql_import; END', 'NOT_AUTHORIZED'],
    ["CREATE VIRTUAL TABLE f USING fts5(x, content='_dosql_import')", 'NOT_AUTHORIZED'],
    ['CREATE VIRTUAL TABLE _dosql USING fts5(x)', 'NOT_AUTHORIZED'],
    ['CREATE VIEW v AS SELECT * FROM pragma_table_list', 'NOT_AUTHORIZED'],
    ["INSERT INTO t VALUES (unistr('\\00g0'))", 'INVALID_ARGUMENT'],
    ['CREATE TABLE t (other)', 'UNSUPPORTED_STATEMENT'],
    ['ROLLBACK', 'DATABASE_CHANGED'],
    ['INSERT INTO child VALUES (7)', 'FOREIGN_KEY_VIOLATION'],
    ['INSERT INTO t VALUES (', 'SYNTAX_ERROR'],
  ])('refuses %s, and keeps nothing of it', async (sql, code) => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query(
        'CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE child (t REFERENCES t(id)); INSERT INTO t VALUES (1)',
      );
      await load(db, 'INSERT INTO t VALUES (5);', 'id=first');
      const before = await contents(db);
      await expect(load(db, `INSERT INTO t VALUES (50);\n${sql};\n`, 'id=1')).rejects.toMatchObject({ code });
      expect(await contents(db)).toEqual(before);
    });
  });

  test('of rows loses no value in silence: exact integers of other tools, a column that is named twice', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
      const lines = '{"id":9007199254740993,"v":-9223372036854775808}\n{"id":2,"v":12345678901234567.0}\n';
      await load(db, lines, 'id=1&format=ndjson&table=t');
      const { rows } = await db.query('SELECT id, v, typeof(v) AS type FROM t', [], { integers: 'bigint' });
      expect(rows).toEqual([
        { id: 2, v: 12345678901234568, type: 'real' },
        { id: 9007199254740993n, v: -9223372036854775808n, type: 'integer' },
      ]);
      for (const [file, query] of [
        ['id,v,V\n5,1,2\n', 'id=2&format=csv&table=t'],
        ['{"id":5,"v":1,"V":2}\n', 'id=3&format=ndjson&table=t'],
        ['{}\n', 'id=4&format=ndjson&table=t'],
      ] as const)
        await expect(load(db, file, query)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect((await db.query('SELECT count(*) AS n FROM t')).rows).toEqual([{ n: 2 }]);
    });
  });

  test('takes what the command line of SQLite 3.50 writes for control characters', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await load(
        db,
        String.raw`CREATE TABLE t(id INTEGER PRIMARY KEY, v);
INSERT INTO t VALUES(1,unistr('a\u000ab''\u001b\\')),(2,'unistr(''\u000a'')'),(3,UNISTR('\+01F600\U0001F600\00e9'));`,
        'id=1',
      );
      expect((await db.query('SELECT v FROM t', [], { rows: 'values' })).rows).toEqual([
        ["a\nb'\u001b\\"],
        [String.raw`unistr('\u000a')`],
        ['😀😀é'],
      ]);
    });
  });

  test('leaves the change log in front of the triggers of the database', async () => {
    await inObject(async (storage) => {
      const db = await DB('test', { storage, extensions: [changeLog({ tables: '*' })] });
      await db.query(
        'CREATE TABLE t (id INTEGER PRIMARY KEY, n); CREATE TRIGGER t_first AFTER INSERT ON t BEGIN UPDATE t SET n = 1 WHERE id = NEW.id; END',
      );
      const { lsn } = db.log.head();
      await load(db, 'CREATE TABLE u (id);\nINSERT INTO t VALUES (5, 0);\n', 'id=1');
      await db.run('INSERT INTO t VALUES (6, 0)');
      const { events } = await db.log.read({ after: lsn, tables: ['t'] });
      expect(events.map(({ op, after }) => [op, after!['id'], after!['n']])).toEqual([
        ['insert', 5, 0],
        ['insert', 6, 0],
        ['update', 6, 1],
      ]);
    });
  });

  test('is done in one pass of the text, whatever it holds', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      const name = 'a_column_of_quite_a_long_name_indeed';
      const words = 'create '.repeat(200_000);
      const dump = `CREATE TABLE t (${name}, b);\nINSERT INTO t (${name}, b) VALUES (1, '${words}');\nINSERT INTO t (b, ${name}) SELECT 3, 2;\n`;
      expect(await load(db, dump, 'id=1')).toMatchObject({ done: true });
      const { rows } = await db.query(`SELECT ${name} AS a, length(b) AS n FROM t`);
      expect(rows).toEqual([
        { a: 1, n: words.length },
        { a: 2, n: 1 },
      ]);
    });
  });

  test('needs a token that may write, everywhere for a dump', async () => {
    await inObject(async (storage) => {
      const db = await open(storage);
      await db.query('CREATE TABLE t (id); CREATE TABLE u (id)');
      const post = (query: string, grant: object, method = 'POST') => {
        const init = { method, ...(method === 'POST' && { body: '{"id":1}\n' }) };
        const request = new Request(`http://x/import?id=1&${query}`, init);
        return importDatabase(request, { db, grant: { ...FULL, ...grant } });
      };
      await expect(post('', { write: false })).rejects.toMatchObject({ code: 'READ_ONLY' });
      await expect(post('', { tables: ['t'] })).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' });
      await expect(post('format=ndjson&table=u', { tables: ['t'] })).rejects.toMatchObject({
        code: 'NOT_AUTHORIZED',
      });
      await expect(post('format=ndjson&table=_dosql_import', {})).rejects.toMatchObject({
        code: 'NO_SUCH_TABLE',
      });
      expect(await (await post('format=ndjson&table=t', { tables: ['t'] })).json()).toMatchObject({
        done: true,
      });
      // Nor may the import of another table be looked at, or be made to begin anew.
      for (const method of ['GET', 'DELETE', 'POST'])
        await expect(post('format=ndjson&table=u', { tables: ['u'] }, method)).rejects.toMatchObject({
          code: 'NOT_AUTHORIZED',
        });
    });
  });
});
