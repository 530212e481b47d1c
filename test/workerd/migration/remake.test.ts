import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { freshStub, inObject } from '../object.ts';
import { served } from '../server/served.ts';

const ROUTES = ['a migration', 'dosql push', 'a Hrana batch'] as const;

/** Runs statements in an object that has `schema`, and gives what is asked for afterwards. */
function changed(
  route: (typeof ROUTES)[number],
  schema: string[],
  statements: string[],
  ask: string[],
): Promise<unknown[][][]> {
  return served(
    async ({ db, post, storage }) => {
      if (route === 'a migration') await db.migrate([{ id: '1', sql: statements.join(';\n') }]);
      else if (route === 'dosql push')
        expect(await post('/migrate', { statements })).toMatchObject({ status: 200 });
      else {
        const all = ['PRAGMA foreign_keys=off', 'BEGIN', ...statements, 'COMMIT'];
        const steps = all.map((sql, i) => ({
          stmt: { sql },
          ...(i > 0 && { condition: { type: 'ok', step: i - 1 } }),
        }));
        const { body } = await post('/v3/pipeline', { requests: [{ type: 'batch', batch: { steps } }] });
        expect(JSON.stringify(body)).not.toContain('message');
      }
      return ask.map((sql) => [...storage.sql.exec(sql).raw()]);
    },
    {},
    { schema },
  );
}

const renamed = [
  'ALTER TABLE t RENAME TO u',
  'CREATE TABLE __new_u (id integer PRIMARY KEY AUTOINCREMENT, a text NOT NULL)',
  'INSERT INTO __new_u ("id", "a") SELECT "id", "a" FROM u',
  'DROP TABLE u',
  'ALTER TABLE __new_u RENAME TO u',
];

describe.each(ROUTES)('%s that makes a table anew', (route) => {
  it.each([
    ['when it renames the table first', renamed],
    ['when it does so twice', [...renamed, ...renamed.slice(1)]],
  ])('keeps its keys and triggers, also %s', async (_, statements) => {
    const schema = [
      'CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT, a text)',
      'CREATE TABLE log (a)',
      'CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END',
      "INSERT INTO t VALUES (1, 'x'), (9, 'y')",
      'DELETE FROM t WHERE id = 9',
    ];
    const ask = ["INSERT INTO u (a) VALUES ('z') RETURNING id", 'SELECT a FROM log ORDER BY rowid'];
    expect(await changed(route, schema, statements, ask)).toEqual([[[10]], [['x'], ['y'], ['z']]]);
  });

  it('keeps the views and triggers that mention it, also where its checks name it', async () => {
    const schema = [
      'CREATE TABLE t (id integer PRIMARY KEY, a text)',
      'CREATE TABLE o (a)',
      'CREATE VIEW v AS SELECT a FROM t',
      'CREATE VIEW w AS SELECT a FROM v',
      'CREATE TRIGGER vi INSTEAD OF INSERT ON w BEGIN INSERT INTO t (a) VALUES (new.a); END',
      'CREATE TRIGGER r AFTER INSERT ON o BEGIN INSERT INTO w VALUES (new.a); END',
      "INSERT INTO o VALUES ('x')",
    ];
    const statements = [
      `CREATE TABLE __new_t (id integer PRIMARY KEY, a text NOT NULL, up integer REFERENCES __new_t (id), CONSTRAINT long CHECK("__new_t"."a" <> 'no'))`,
      'INSERT INTO __new_t ("id", "a") SELECT "id", "a" FROM t',
      'DROP TABLE t',
      'ALTER TABLE __new_t RENAME TO t',
    ];
    const ask = [
      "INSERT INTO o VALUES ('y')",
      'SELECT a FROM w ORDER BY 1',
      "INSERT INTO t (a, up) VALUES ('z', 2) RETURNING id",
      `SELECT sql LIKE '%CHECK("t"."a" <> %' FROM sqlite_master WHERE name='t'`,
    ];
    expect(await changed(route, schema, statements, ask)).toEqual([[], [['x'], ['y']], [[3]], [[1]]]);
  });

  it('fails where foreign keys follow the old one out of the way', async () => {
    const schema = ['CREATE TABLE t (id integer PRIMARY KEY)', 'CREATE TABLE c (t REFERENCES t (id))'];
    const statements = [
      'ALTER TABLE t RENAME TO old',
      'CREATE TABLE t (id integer PRIMARY KEY, a)',
      'INSERT INTO t SELECT id, 1 FROM old',
      'DROP TABLE old',
    ];
    await expect(changed(route, schema, statements, [])).rejects.toThrow(
      route === 'a migration' ? 'foreign keys followed t to old' : /./,
    );
  });
});

describe('dosql push', () => {
  it('lets no other event in while foreign keys are off', async () => {
    const stub = freshStub();
    const statements = [
      'CREATE TABLE __new_t (id integer PRIMARY KEY, a)',
      'INSERT INTO __new_t ("id") SELECT "id" FROM t',
      'DROP TABLE t',
      'ALTER TABLE __new_t RENAME TO t',
    ];
    const pushed = inObject(async (storage, ctx) => {
      const db = await DB('pushed', { storage, ctx });
      await db.run('CREATE TABLE t (id integer PRIMARY KEY)');
      await db.run('CREATE TABLE c (t REFERENCES t (id))');
      const sync = storage.sync.bind(storage);
      let syncs = 0;
      storage.sync = async () => {
        if (++syncs !== 2) return sync();
        // Other events have time to come.
        for (let i = 0; i < 20; i++) await scheduler.wait(1);
        return sync();
      };
      const handler = createHandler(db, { auth: () => ({ read: true, write: true }), ctx });
      const body = JSON.stringify({ statements });
      const answer = handler.fetch(new Request('https://object.example/migrate', { method: 'POST', body }));
      return (await answer).status;
    }, stub);
    const seen = new Set<unknown>();
    let status: number | undefined;
    void pushed.then((answer) => {
      status = answer;
    });
    while (!status)
      await inObject(({ sql }) => seen.add(sql.exec('PRAGMA foreign_keys').raw().next().value![0]), stub);
    expect([...seen]).toEqual([1]);
    expect(status).toBe(200);
  });
});
