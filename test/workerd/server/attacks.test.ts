import { expect, test } from 'vitest';
import { ATTACKS, PEEKS } from './attacks.ts';
import { CANARY, contents, guarded } from './guarded.ts';

const OURS = /_dosql_|__miniflare|_cf_/i;
const secret = (sql: string) =>
  sql.replaceAll('_dosql_log', '_dosql_secret').replaceAll('_DOSQL_LOG', '_DOSQL_SECRET');

test('every attack with a read-only token is refused, on each route, and changes nothing', () =>
  guarded(async ({ ask, db }) => {
    expect(ATTACKS.length).toBeGreaterThanOrEqual(60);
    const before = await contents(db);
    for (const sql of ATTACKS.map(secret)) {
      const query = await ask('/query', { sql });
      expect(query.status, sql).toBeGreaterThanOrEqual(400);
      expect(query.text, sql).not.toContain(CANARY);
      const batch = await ask('/query', { statements: ['SELECT 1', sql] });
      expect(batch.status, sql).toBeGreaterThanOrEqual(400);
      const requests = [
        { type: 'execute', stmt: { sql } },
        { type: 'sequence', sql },
        { type: 'batch', batch: { steps: [{ stmt: { sql } }] } },
        { type: 'describe', sql },
        { type: 'close' },
      ];
      const hrana = await ask('/v2/pipeline', { requests });
      expect(hrana.text, sql).not.toContain(CANARY);
      const cursor = await ask('/v3/cursor', { batch: { steps: [{ stmt: { sql } }] } });
      expect(cursor.text, sql).not.toContain(CANARY);
    }
    expect(await contents(db)).toEqual(before);
  }));

test('introspection shows every table of the user and none of ours', () =>
  guarded(async ({ ask }) => {
    for (const sql of PEEKS.map(secret)) {
      const { text } = await ask('/query', { sql, params: sql.includes('?') ? ['_dosql_secret'] : [] });
      // An expression without a name is named after its text, and that holds the condition.
      const { columns: _, ...answer } = JSON.parse(text);
      expect(JSON.stringify(answer), sql).not.toMatch(OURS);
      expect(text, sql).not.toContain(CANARY);
    }
    const names = async (sql: string) =>
      JSON.parse((await ask('/query', { sql })).text).rows.flat() as string[];
    expect(await names("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")).toEqual([
      'items',
      'sqlite_sequence',
    ]);
    expect(await names("SELECT name FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'")).toEqual([
      'items',
    ]);
    expect(
      await names("SELECT p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.name = 'items'"),
    ).toEqual(['id', 'name', 'price', 'data']);
    expect(
      await names("SELECT i.name FROM pragma_index_list('items') l, pragma_index_info(l.name) i"),
    ).toEqual(['name']);
  }));

test('a writer cannot touch our tables either', () =>
  guarded(async ({ handler, db }) => {
    const { createHandler } = await import('../../../src/server/index.ts');
    expect(handler).toBeDefined();
    const own = createHandler(db, { auth: () => ({ read: true, write: true }) });
    const before = await contents(db);
    for (const sql of [
      'DELETE FROM _dosql_secret',
      "UPDATE '_dosql_secret' SET text = 1",
      'DROP TABLE _dosql_secret',
      'DROP TABLE "_dosql_secret"',
      'ALTER TABLE items RENAME TO _dosql_items',
      'CREATE TABLE _dosql_new (a)',
      'CREATE TABLE _cf_new (a)',
      'CREATE VIEW peek AS SELECT * FROM _dosql_secret',
      'CREATE TABLE peek AS SELECT * FROM _dosql_secret',
      'CREATE TRIGGER peek AFTER INSERT ON items BEGIN INSERT INTO items (name) SELECT text FROM _dosql_secret; END',
      "CREATE VIRTUAL TABLE peek USING fts5(text, content='_dosql_secret')",
      'CREATE VIRTUAL TABLE peek USING fts5(text, content=_dosql_secret)',
      'CREATE INDEX peek ON _dosql_secret (text)',
      'CREATE VIEW peek AS SELECT * FROM sqlite_master',
      'INSERT INTO items (name) SELECT text FROM _dosql_secret',
      "INSERT INTO items (name) SELECT sql FROM sqlite_master WHERE name = '_dosql_secret' AND 1 = (SELECT 1 FROM '_dosql_secret')",
      'WITH a AS (SELECT 1) DELETE FROM _dosql_secret',
      'INSERT INTO sqlite_sequence VALUES (1, 1)',
      'DROP TRIGGER IF EXISTS _dosql_items',
      'PRAGMA writable_schema = 1',
      "INSERT INTO items (name) VALUES ('c'); DELETE FROM _dosql_secret",
    ]) {
      const response = await own.fetch(
        new Request('https://object.example/query', { method: 'POST', body: JSON.stringify({ sql }) }),
      );
      expect(response.status, sql).toBeGreaterThanOrEqual(400);
      for (const body of [{ statements: [sql] }, { migrations: [{ id: '1', sql }] }]) {
        const migrated = await own.fetch(
          new Request('https://object.example/migrate', { method: 'POST', body: JSON.stringify(body) }),
        );
        expect(migrated.status, sql).toBeGreaterThanOrEqual(400);
      }
    }
    expect(await contents(db)).toEqual(before);
  }));
