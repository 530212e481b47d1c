import { expect, test } from 'vitest';
import type { Extension } from '../../../src/index.ts';
import { guarded } from './guarded.ts';
import { served } from './served.ts';

const deep = (n: number) => `${'['.repeat(n)}${']'.repeat(n)}`;
const execute = (stmt: string) => `{"requests":[{"type":"execute","stmt":${stmt}}]}`;
const steps = (text: string) => `{"requests":[{"type":"batch","batch":{"steps":${text}}}]}`;

const HIDING: Extension = {
  name: 'hiding',
  install(host) {
    host.internalTables(['hidden']);
    return {};
  },
};

/** Bodies of the wrong shape; none of them is the server's failure. */
const BODIES: readonly [path: string, body: string][] = [
  ...['5', '{"length":-5}', '"abc"', '[null]'].flatMap((text): [string, string][] => [
    ['/v3/pipeline', steps(text)],
    ['/v3/cursor', `{"batch":{"steps":${text}}}`],
  ]),
  ['/query', deep(500_000)],
  ['/query', `{"sql":"SELECT ?","params":[{"$int":${deep(100_000)}}]}`],
  ['/query', '{"sql":"SELECT ?","params":[{"$int":{"toString":1}}]}'],
  ['/query', '{"sql":"SELECT ?","params":[{"$int":["5"]}]}'],
  ['/query', '{"sql":"SELECT ?","params":[{"$blob":null}]}'],
  ['/query', '{"sql":"SELECT ?","params":[{"$real":["-0"]}]}'],
  ['/v3/pipeline', execute('{"sql":"SELECT ?","args":5}')],
  ['/v3/pipeline', execute('{"sql":"SELECT ?","args":null}')],
  ['/v3/pipeline', execute('{"sql":"SELECT ?","args":[{"type":"integer","value":{"toString":5}}]}')],
  ['/v3/pipeline', execute('{"sql":"SELECT :a","named_args":[null]}')],
  ['/v3/pipeline', execute('{"sql":"SELECT :a","named_args":5}')],
  ['/v3/pipeline', steps('[{"condition":{"type":"not","cond":null},"stmt":{"sql":"SELECT 1"}}]')],
  ['/v3/pipeline', steps('[{"condition":{"type":"and","conds":5},"stmt":{"sql":"SELECT 1"}}]')],
  ['/v3/pipeline', '{"baton":{"toString":1},"requests":[]}'],
  ['/v3/cursor', '{"baton":{"toString":1}}'],
  ['/migrate', '{"statements":[null]}'],
  ['/migrate', '{"statements":[{"sql":"CREATE TABLE a (b)"}]}'],
  ['/migrate', '{"migrations":[null]}'],
  ['/migrate', '{"migrations":[{"id":"a","sql":5}]}'],
];

test('a body of the wrong shape is told what is wrong with it', () =>
  served(async ({ post }) => {
    for (const [path, body] of BODIES) {
      const { status, body: answer } = await post(path, body);
      const said = JSON.stringify(answer);
      expect(status, body.slice(0, 80)).toBeLessThan(500);
      expect(said, body.slice(0, 80)).toMatch(/"code":"(INVALID_|MIGRATION_INVALID|PARAMETER_COUNT|STREAM_)/);
    }
  }));

test('a body that is no UTF-8 is refused, not stored as something else', () =>
  served(async ({ handler }) => {
    const ask = async (bytes: number[]) => {
      const body = new Uint8Array([...bytes.keys()].map((i) => bytes[i]!));
      const response = await handler.fetch(new Request('https://x/query', { method: 'POST', body }));
      return response.json();
    };
    const text = (sql: string) => [...new TextEncoder().encode(sql)];
    expect(await ask([...text('{"sql":"SELECT \''), 0xff, ...text('\'"}')])).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await ask([...text('{"sql":"SELECT 1"}'), 0xe2, 0x82])).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await ask(text('{"sql":"SELECT \'€\'"}'))).toMatchObject({ rows: [['€']] });
  }));

test('a part of what FTS5 was to look for is in no error', () =>
  served(
    async ({ query }) => {
      for (const value of ['hushhush:foo', '*hushhush', 'hushhush AND "', '{hushhush} : a']) {
        const { status, body } = await query('SELECT * FROM docs WHERE docs MATCH ?', [value]);
        expect(status, value).toBe(400);
        expect(JSON.stringify(body), value).not.toContain('hushhush');
      }
      // What stands in the statement itself may be told.
      expect((await query('SELECT missing FROM docs WHERE body = ?', ['a'])).body).toMatchObject({
        code: 'NO_SUCH_COLUMN',
        columns: ['missing'],
      });
    },
    {},
    { schema: ['CREATE VIRTUAL TABLE docs USING fts5(body)'] },
  ));

test('the statements of all sequences of a pipeline count together', () =>
  served(
    async ({ post }) => {
      const sequence = (n: number) => ({ type: 'sequence', sql: 'SELECT 1;'.repeat(n) });
      const ask = async (requests: object[]) =>
        (await post<{ results: { type: string; error?: object }[] }>('/v3/pipeline', { requests })).body
          .results;
      expect((await ask([sequence(2), sequence(1)])).map(({ type }) => type)).toEqual(['ok', 'ok']);
      expect(await ask([sequence(2), sequence(2)])).toMatchObject([
        { type: 'ok' },
        { type: 'error', error: { code: 'LIMIT_EXCEEDED' } },
      ]);
    },
    { limits: { statements: 3 } },
  ));

test('a migration reaches no internal table and no pragma, however its text is cut', () =>
  guarded(async ({ db }) => {
    const { createHandler } = await import('../../../src/server/index.ts');
    const handler = createHandler(db, { auth: () => ({ read: true, write: true }) });
    const cut = '/*\n--> statement-breakpoint\n*/';
    for (const body of [
      // Each is harmless; together the comment ends earlier.
      { statements: ['SELECT 1 /*', '-- */ ; CREATE VIEW peek AS SELECT * FROM _dosql_secret'] },
      { statements: ['SELECT 1 /*', '-- */ ; PRAGMA ignore_check_constraints = 1'] },
      { migrations: [{ id: 'a', sql: `SELECT 1 ${cut} PRAGMA ignore_check_constraints = 1` }] },
      { migrations: [{ id: 'b', sql: `SELECT 1 ${cut} PRAGMA case_sensitive_like = 1` }] },
      { migrations: [{ id: 'c', sql: `SELECT 1 ${cut} CREATE VIEW peek AS SELECT * FROM _dosql_secret` }] },
    ]) {
      const request = new Request('https://x/migrate', { method: 'POST', body: JSON.stringify(body) });
      const response = await handler.fetch(request);
      expect(await response.json(), JSON.stringify(body)).toMatchObject({ code: 'NOT_AUTHORIZED' });
    }
    expect((await db.query("SELECT 1 FROM sqlite_master WHERE name = 'peek'")).rows).toEqual([]);
    expect((await db.query('PRAGMA ignore_check_constraints')).rows).toEqual([
      { ignore_check_constraints: 0 },
    ]);
  }));

test('what an extension calls internal is so in DDL, too, and FTS5 makes no tables with names like ours', () =>
  served(
    async ({ query }) => {
      for (const sql of [
        'CREATE VIEW peek AS SELECT * FROM hidden',
        'CREATE TABLE peek AS SELECT * FROM "HIDDEN"',
        "CREATE VIRTUAL TABLE peek USING fts5(a, content='hidden')",
        'CREATE TRIGGER peek AFTER INSERT ON items BEGIN DELETE FROM [hidden]; END',
        'DROP TABLE hidden',
        'ALTER TABLE hidden ALTER COLUMN a TO a integer',
        'CREATE VIRTUAL TABLE _dosql USING fts5(a)',
        'ALTER TABLE docs RENAME TO "_DOSQL"',
      ])
        expect((await query(sql)).body, sql).toMatchObject({ code: 'NOT_AUTHORIZED' });
      expect((await query('CREATE TABLE unhidden (a)')).status).toBe(200);
    },
    {},
    {
      schema: [
        'CREATE TABLE hidden (a)',
        'CREATE TABLE items (a)',
        'CREATE VIRTUAL TABLE docs USING fts5(a)',
      ],
      extensions: [HIDING],
    },
  ));
