import { describe, expect, test } from 'vitest';
import { DB } from '../../../src/index.ts';
import type { Foreign } from '../../../src/relation/resolver.ts';
import { inObject } from '../object.ts';
import { MemoryProvider } from './memory.ts';
import { relations, withRelations } from './open.ts';

const COLUMNS = [
  { name: 'id', affinity: 'INTEGER' as const },
  { name: 'kind', affinity: 'TEXT' as const },
];

/** A table `events` with the rows 1 and 2; 3 to 6 are archived until a write brings them back. */
function archive(storage: DurableObjectStorage) {
  const rows = (sql: string) => [...storage.sql.exec(sql).raw()] as [number, string][];
  const state = {
    matched: [] as unknown[],
    beforeRun: () => {},
    move: () => void rows('UPDATE version SET v = v + 1'),
  };
  const foreign: Foreign = {
    shadows: true,
    open() {
      const at = rows('SELECT v FROM version');
      return {
        provider: new MemoryProvider(COLUMNS, rows('SELECT * FROM archived')),
        valid: () => {
          state.beforeRun();
          return `${rows('SELECT v FROM version')}` === `${at}`;
        },
        rehydrate(matching) {
          const keys = matching('SELECT "id"').map(([id]) => id as number);
          state.matched.push(keys);
          matching('INSERT INTO main."events"("id","kind") SELECT "id","kind"', 'ORDER BY 1');
          for (const id of keys) storage.sql.exec('DELETE FROM archived WHERE id = ?', id);
          if (keys.length) state.move();
        },
      };
    },
  };
  rows('CREATE TABLE archived (id INTEGER PRIMARY KEY, kind TEXT)');
  rows("INSERT INTO archived VALUES (3, 'a'), (4, 'b'), (5, 'a'), (6, 'c')");
  rows('CREATE TABLE version AS SELECT 0 AS v');
  rows('CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT)');
  rows("INSERT INTO events VALUES (1, 'a'), (2, 'b')");
  return { foreign, state };
}

const withArchive = <T>(
  work: (
    db: Awaited<ReturnType<typeof DB>>,
    state: ReturnType<typeof archive>['state'],
    storage: DurableObjectStorage,
  ) => Promise<T>,
) =>
  inObject(async (storage) => {
    const { foreign, state } = archive(storage);
    const db = await DB('test', { storage, extensions: [relations({ events: foreign })] });
    return work(db, state, storage);
  });

const hot = (storage: DurableObjectStorage) =>
  [...storage.sql.exec('SELECT id, kind FROM events ORDER BY id').raw()] as [number, string][];

describe('UPDATE and DELETE of a table with rows outside', () => {
  test('bring back the rows that meet the condition, and no others', () =>
    withArchive(async (db, state, storage) => {
      const { changes, rows } = await db.run(
        'UPDATE events AS e SET kind = :new WHERE e.kind = :old AND id > 1 RETURNING id',
        { new: 'z', old: 'a' },
      );
      expect(changes).toBe(2);
      expect(rows).toEqual([{ id: 3 }, { id: 5 }]);
      expect(state.matched).toEqual([[3, 5]]);
      expect(hot(storage)).toEqual([
        [1, 'a'],
        [2, 'b'],
        [3, 'z'],
        [5, 'z'],
      ]);
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 6 }]);
    }));

  test('read other tables, parameters and common table expressions in the condition', () =>
    withArchive(async (db, state) => {
      const { changes } = await db.run(
        'WITH w(k) AS (VALUES (?)), v AS (SELECT k FROM w) DELETE FROM events WHERE kind IN (SELECT k FROM v) AND id < ?2',
        ['b', 100n],
      );
      expect(changes).toBe(2);
      expect(state.matched).toEqual([[4]]);
      expect((await db.query('SELECT id FROM events ORDER BY id')).rows.map(({ id }) => id)).toEqual([
        1, 3, 5, 6,
      ]);
    }));

  test('bring back everything where the statement also reads the table', () =>
    withArchive(async (db, state) => {
      const { changes } = await db.run(
        'DELETE FROM events WHERE id < (SELECT max(id) FROM events WHERE kind <> ?)',
        ['c'],
      );
      expect(changes).toBe(4);
      expect(state.matched).toEqual([[3, 4, 5, 6]]);
      expect((await db.query('SELECT id FROM events ORDER BY id')).rows.map(({ id }) => id)).toEqual([5, 6]);
    }));

  test('change the rows in the object alone with tier: hot', () =>
    withArchive(async (db, state) => {
      expect((await db.run("DELETE FROM events WHERE kind = 'a'", [], { tier: 'hot' })).changes).toBe(1);
      expect(db.runSync("DELETE FROM events WHERE kind = 'b'", [], { tier: 'hot' }).changes).toBe(1);
      expect(state.matched).toEqual([]);
    }));

  test('an UPDATE that joins reads both', () =>
    withArchive(async (db, _, storage) => {
      await db.run('CREATE TABLE names (kind TEXT, name TEXT)');
      await db.run("INSERT INTO names VALUES ('a', 'Ada')");
      expect(
        (await db.run('UPDATE events SET kind = n.name FROM names n WHERE n.kind = events.kind')).changes,
      ).toBe(3);
      expect(hot(storage).filter(([, kind]) => kind === 'Ada')).toHaveLength(3);
    }));

  test('several statements in one batch or text see what those before them did', () =>
    withArchive(async (db, state) => {
      const done = await db.batch([
        "DELETE FROM events WHERE kind = 'a'",
        ["UPDATE events SET kind = 'x' WHERE id >= ?", [4]],
        'SELECT count(*) AS n FROM events',
      ]);
      expect(done.map(({ changes }) => changes)).toEqual([3, 2, 0]);
      expect(done[2]?.rows).toEqual([{ n: 3 }]);
      const { rows } = await db.query("DELETE FROM events WHERE kind = 'b'; SELECT id FROM events");
      expect(rows).toEqual([{ id: 4 }, { id: 6 }]);
      expect(state.matched.flat().sort()).toContain(6);
    }));
});

describe('rows that move while a statement loads', () => {
  test('are loaded again', () =>
    withArchive(async (db, state) => {
      let moves = 2;
      state.beforeRun = () => {
        if (moves-- > 0) state.move();
      };
      expect((await db.query('SELECT count(*) AS n FROM events')).rows).toEqual([{ n: 6 }]);
      expect(moves).toBeLessThan(0);
    }));

  test('and never rest are TIER_CONTENTION', () =>
    withArchive(async (db, state) => {
      state.beforeRun = state.move;
      await expect(db.query('SELECT count(*) AS n FROM events')).rejects.toMatchObject({
        code: 'TIER_CONTENTION',
      });
      const seen: unknown[] = [];
      state.beforeRun = () => {};
      const watching = await DB('again', {
        storage: db.storage,
        onQuery: ({ sql, tables }) => seen.push([sql, tables]),
      });
      await watching.query('SELECT id FROM events WHERE id = ?', [3]);
      expect(seen).toEqual([['SELECT id FROM events WHERE id = ?', ['events']]]);
    }));

  test('and appear while it waits are found', () =>
    inObject(async (storage) => {
      storage.sql.exec('CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT)');
      storage.sql.exec("INSERT INTO events VALUES (1, 'a')");
      const provider = new MemoryProvider(COLUMNS, [[1, 'a']]);
      let archived = false;
      const foreign: Foreign = { shadows: true, open: () => (archived ? { provider } : undefined) };
      const db = await DB('test', { storage, extensions: [relations({ events: foreign })] });
      const moving = db.transaction(async (tx) => {
        await tx.run('DELETE FROM main.events');
        archived = true;
      });
      expect((await db.query('SELECT kind FROM events')).rows).toEqual([{ kind: 'a' }]);
      await moving;
    }));
});

describe('what is refused', () => {
  const url = 'https://example.test/x.csv';
  const open = {
    [url]: { provider: new MemoryProvider(COLUMNS, [[1, 'a']]) },
    source: { provider: new MemoryProvider(COLUMNS, []) },
  };

  test('a view, a trigger and an index over foreign rows, and writing them', () =>
    withRelations(open, async (db) => {
      await db.run('CREATE TABLE t (a)');
      for (const sql of [
        `CREATE VIEW v AS SELECT * FROM t, '${url}'`,
        `CREATE VIEW v (a, b) AS WITH x AS (SELECT * FROM source) SELECT * FROM x`,
        `CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO t SELECT id FROM '${url}'; END`,
      ])
        await expect(db.run(sql), sql).rejects.toMatchObject({
          code: 'UNSUPPORTED_STATEMENT',
          statement: sql,
        });
      for (const sql of [
        `INSERT INTO '${url}' VALUES (1)`,
        'UPDATE source SET id = 1',
        'DELETE FROM source',
        'CREATE INDEX i ON source (id)',
      ])
        await expect(db.run(sql), sql).rejects.toMatchObject({ code: 'READ_ONLY' });
    }));

  test('a wrong number of values, before anything is read', () =>
    withRelations(open, async (db) => {
      await expect(db.query('SELECT * FROM source WHERE id = ?', [])).rejects.toMatchObject({
        code: 'PARAMETER_COUNT',
      });
      await expect(db.query('SELECT nosuch FROM source')).rejects.toMatchObject({ code: 'NO_SUCH_COLUMN' });
      await expect(db.query('SELECT 1 FROM source; SELECT ?', [1])).rejects.toMatchObject({
        code: 'MULTIPLE_STATEMENTS',
      });
      expect((await db.explain('SELECT 1')).sources).toEqual([]);
    }));
});
