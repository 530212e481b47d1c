import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { changesAfter, open } from './open.ts';

const CREATE = 'CREATE TABLE t (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, qty INTEGER)';

describe('REPLACE', () => {
  it('logs the rows it deletes, by whatever key they collide', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(CREATE);
      await db.run("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)");
      const { lsn } = db.log.head();
      await db.run("REPLACE INTO t VALUES (1, 'b', 9)");
      await db.run("UPDATE OR REPLACE t SET sku = 'c' WHERE id = 1");
      expect(await changesAfter(db, lsn)).toEqual([
        'delete t: 1 a 1 → -',
        'delete t: 2 b 2 → -',
        'insert t: - → 1 b 9',
        'delete t: 3 c 3 → -',
        'update t: 1 b 9 → 1 c 9',
      ]);
      expect((await db.query('PRAGMA recursive_triggers', [], { rows: 'values' })).rows).toEqual([[0]]);
    }));

  it('keeps its results: RETURNING, counts, exact integers, more rows than parameters allow', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run(CREATE);
      expect(
        (
          await db.run('INSERT OR REPLACE INTO t VALUES (1, NULL, 9007199254740993) RETURNING qty', [], {
            integers: 'bigint',
          })
        ).rows,
      ).toEqual([{ qty: 9007199254740993n }]);
      const rows = Array.from({ length: 80 }, (_, i) => [i + 1, `s${i}`, i]);
      const result = await db.run(`REPLACE INTO t VALUES ${rows.map(() => '(?, ?, ?)')}`, rows.flat());
      expect(result.changes).toBe(80);
      const { lsn } = db.log.head();
      await db.run("REPLACE INTO t VALUES (1, 'x', 0), (2, 'y', 0)");
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ tx }) => tx.total)).toEqual([4, 4, 4, 4]);
    }));

  it('in a trigger logs the rows it deletes, however the trigger is reached', () =>
    inObject(async (storage) => {
      const db = await open(storage, { exclude: ['outer'] });
      await db.run('CREATE TABLE parents (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE a (id INTEGER PRIMARY KEY, p REFERENCES parents ON DELETE CASCADE, v, at)');
      await db.run('CREATE TABLE last (one INTEGER PRIMARY KEY, id)');
      await db.run('CREATE TABLE outer (id INTEGER PRIMARY KEY)');
      await db.run(
        'CREATE TRIGGER a_i AFTER INSERT ON a BEGIN INSERT OR REPLACE INTO "last" VALUES (1, NEW.id); END',
      );
      await db.run('CREATE TRIGGER a_d AFTER DELETE ON a BEGIN REPLACE INTO last VALUES (1, -OLD.id); END');
      // It would never end, were it to fire itself.
      await db.run('CREATE TRIGGER a_u AFTER UPDATE ON a BEGIN UPDATE a SET at = 1 WHERE id = NEW.id; END');
      await db.run('CREATE TRIGGER o AFTER INSERT ON outer BEGIN INSERT INTO a (id) VALUES (NEW.id); END');
      await db.run('INSERT INTO parents VALUES (1)');
      const did = async (statement: string) => {
        const { lsn } = db.log.head();
        await db.run(statement);
        return (await changesAfter(db, lsn)).filter((change) => change.includes('last'));
      };
      const became = (from: number, to: number) => [`delete last: 1 ${from} → -`, `insert last: - → 1 ${to}`];
      expect(await did('INSERT INTO a VALUES (1, 1, 1, 0)')).toEqual(['insert last: - → 1 1']);
      expect(await did('INSERT INTO a VALUES (2, NULL, 1, 0)')).toEqual(became(1, 2));
      expect(await did('INSERT INTO outer VALUES (3)')).toEqual(became(2, 3));
      expect(await did('DELETE FROM parents')).toEqual(became(3, -1));
      expect(await did('UPDATE a SET v = 2')).toEqual([]);
      await db.run('DROP TRIGGER a_i');
      await db.run('CREATE TRIGGER o2 AFTER INSERT ON outer BEGIN INSERT INTO last VALUES (1, NEW.id); END');
      expect(await did('REPLACE INTO outer VALUES (9)')).toEqual(became(-1, 9));
    }));

  it('leaves triggers that change their own table alone, or fails loudly', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      await db.run('CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER, at INTEGER DEFAULT 0)');
      await db.run(
        'CREATE TRIGGER u_at AFTER UPDATE ON u BEGIN UPDATE u SET at = at + 1 WHERE id = NEW.id; END',
      );
      await db.run('INSERT INTO u (id, v) VALUES (1, 1)');
      const { lsn } = db.log.head();
      await db.run('UPDATE u SET v = 2');
      expect(await changesAfter(db, lsn)).toEqual(['update u: 1 1 0 → 1 2 0', 'update u: 1 2 0 → 1 2 1']);
      await expect(db.run('UPDATE OR REPLACE u SET v = 3')).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        message: expect.stringContaining('ON CONFLICT DO UPDATE'),
      });
      expect((await db.query('SELECT v FROM u')).rows).toEqual([{ v: 2 }]);
    }));

  it('declared in a table is refused, unless all writes may recurse', () =>
    inObject(async (storage) => {
      const create = 'CREATE TABLE r (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, v)';
      const db = await open(storage);
      await expect(db.run(create)).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT', table: 'r' });
      expect((await db.query("SELECT name FROM sqlite_master WHERE name = 'r'")).rows).toEqual([]);
      await inObject(async (other) => {
        const recursive = await open(other, { recursiveTriggers: true });
        await recursive.run(create);
        await recursive.run('INSERT INTO r VALUES (1, 1)');
        const { lsn } = recursive.log.head();
        await recursive.run('INSERT INTO r VALUES (1, 2)');
        expect(await changesAfter(recursive, lsn)).toEqual(['delete r: 1 1 → -', 'insert r: - → 1 2']);
      });
    }));

  it('of untracked tables is not touched', () =>
    inObject(async (storage) => {
      const db = await open(storage, { tables: [] });
      await db.run('CREATE TABLE r (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, v)');
      await db.run('REPLACE INTO r VALUES (1, 1)');
      expect(db.log.head().lsn).toBe(0);
    }));
});
