import { describe, expect, it } from 'vitest';
import { inObject } from '../object.ts';
import { EVENTS, fill, hotRows, openTiers, POLICY, type Tiered, TOTALS, type Totals } from './opened.ts';

const totals = async (db: Tiered) => (await db.query<Totals>(TOTALS)).rows[0]!;
const row = async (db: Tiered, id: number) =>
  (await db.query<unknown[]>('SELECT * FROM events WHERE id = ?', [id], { rows: 'values' })).rows;

async function archived(storage: DurableObjectStorage, count = 1500): Promise<Tiered> {
  const db = await openTiers(storage);
  await db.run(EVENTS);
  await fill(db, count);
  await db.maintenance();
  return db;
}

describe('writing to archived rows', () => {
  it('an update brings the rows back that it changes, and no others', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const before = await totals(db);
      const hot = await hotRows(db);
      const [old] = await row(db, 79);
      const result = await db.run(
        "UPDATE events SET note = 'changed' WHERE id IN (79, 80) AND kind = 'VIEW'",
      );
      // Of the two only one is of that kind; NOCASE as the column is declared.
      const changed = (await db.query("SELECT id FROM events WHERE note = 'changed'")).rows;
      expect(changed).toEqual([{ id: 79 }]);
      expect(result.changes).toBe(1);
      expect(await hotRows(db)).toBe(hot + 1);
      expect(await totals(db)).toEqual(before);
      expect((await row(db, 79))[0]).toEqual([...old!.slice(0, 5), 'changed']);
    }));

  it('an update of everything changes archived and other rows alike', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const { changes } = await db.run('UPDATE events SET amount = amount + 1');
      expect(changes).toBe(1500);
      expect(
        (
          await db.query<{ n: number }>(
            'SELECT count(*) AS n FROM events WHERE abs(amount - id / 7.0 - 1) < 1e-9',
          )
        ).rows[0]!.n,
      ).toBe(1500);
      expect(await hotRows(db)).toBe(1500);
    }));

  it('a delete takes archived rows away, with RETURNING', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const { rows, changes } = await db.run<{ id: number }>('DELETE FROM events WHERE id < 4 RETURNING id');
      expect(rows.map(({ id }) => id)).toEqual([1, 2, 3]);
      expect(changes).toBe(3);
      expect(await totals(db)).toMatchObject({ n: 1497, ids: 1497 });
      expect(await row(db, 2)).toEqual([]);
      await db.run('DELETE FROM events');
      expect(await totals(db)).toMatchObject({ n: 0 });
      await db.run("INSERT INTO events(at, note) VALUES (1, 'first again')");
      expect(await totals(db)).toMatchObject({ n: 1 });
    }));

  it('an insert of an archived key takes the place of the archived row', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const before = await totals(db);
      await db.run("INSERT INTO events(id, at, note) VALUES (5, 1, 'new'), (5000, 1, 'beyond')");
      expect(await row(db, 5)).toEqual([[5, 1, null, null, null, 'new']]);
      expect(await totals(db)).toMatchObject({ n: before.n + 1, ids: before.n + 1 });
      await db.run("INSERT OR REPLACE INTO events(id, at, note) VALUES (6, 1, 'replaced')");
      expect(await row(db, 6)).toEqual([[6, 1, null, null, null, 'replaced']]);
      await db.run('DELETE FROM events WHERE id IN (5, 6)');
      expect([...(await row(db, 5)), ...(await row(db, 6))]).toEqual([]);
    }));

  it('an upsert meets the archived row', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const sql =
        'INSERT INTO events(id, at, note) VALUES (?, 2, ?) ON CONFLICT(id) DO UPDATE SET note = events.note || excluded.note RETURNING id, note';
      expect((await db.run(sql, [7, '+'])).rows).toEqual([{ id: 7, note: 'n7+' }]);
      expect((await db.run(sql, [9999, '+'])).rows).toEqual([{ id: 9999, note: '+' }]);
      const { changes } = await db.run("INSERT OR IGNORE INTO events(id, at, note) VALUES (9, 2, 'ignored')");
      expect(changes).toBe(0);
      expect((await row(db, 9))[0]).toContain('n9');
      expect(await totals(db)).toMatchObject({ n: 1501, ids: 1501 });
    }));

  it('an update of a key to an archived one takes its place', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      await db.run("INSERT INTO events(id, at, note) VALUES (4000, 1, 'moves')");
      await db.run('UPDATE events SET id = 11 WHERE id = 4000');
      expect((await row(db, 11))[0]).toContain('moves');
      expect(await totals(db)).toMatchObject({ n: 1500, ids: 1500 });
    }));

  it('gives no rowid of an archived row again', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await fill(db, 1500);
      await db.run('UPDATE events SET at = 1000000000000');
      await db.maintenance();
      expect(await hotRows(db)).toBe(1);
      await db.run("INSERT INTO events(at, note) VALUES (1, 'next')");
      expect((await db.query("SELECT id FROM events WHERE note = 'next'")).rows).toEqual([{ id: 1501 }]);
      await db.run('DELETE FROM events WHERE id >= 1500');
      await expect(db.run("INSERT INTO events(at, note) VALUES (1, 'lost')")).rejects.toMatchObject({
        code: 'CONSTRAINT_VIOLATION',
        message: expect.stringContaining('AUTOINCREMENT'),
      });
      expect(await totals(db)).toMatchObject({ n: 1499, ids: 1499 });
    }));

  it('gives rowids that nobody sees a second time', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ ...POLICY, table: 'docs' }] });
      await db.run('CREATE TABLE docs (slug TEXT PRIMARY KEY, at INTEGER)');
      await db.run("INSERT INTO docs VALUES ('a', 1e12), ('b', 1e12), ('c', 1e12)");
      await db.maintenance();
      await db.run("DELETE FROM docs WHERE slug = 'c'");
      // Their rowids are those of archived rows.
      await db.run("INSERT INTO docs VALUES ('d', 1e12), ('e', 1e12)");
      expect((await db.run('UPDATE docs SET at = at')).changes).toBe(4);
    }));

  it('a key with NUL takes no place but its own', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ ...POLICY, table: 'docs' }] });
      await db.run('CREATE TABLE docs (slug TEXT, n INTEGER, at INTEGER, PRIMARY KEY (slug, n))');
      await db.run("INSERT INTO docs VALUES ('a', 1, 1e12), ('', 1, 1e12), ('c', 1, 9e12)");
      await db.maintenance();
      for (const slug of ['a\0b', '\0', 'a\0'])
        await db.run('INSERT OR REPLACE INTO docs VALUES (?, 1, 1e12)', [slug]);
      expect((await db.query('SELECT slug FROM docs ORDER BY slug')).rows.map(({ slug }) => slug)).toEqual([
        '',
        '\0',
        'a',
        'a\0',
        'a\0b',
        'c',
      ]);
    }));

  it('a key of another class that equals an archived one takes its place', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [{ ...POLICY, table: 'docs' }] });
      await db.run('CREATE TABLE docs (k PRIMARY KEY, at INTEGER, n INTEGER) WITHOUT ROWID');
      await db.run('INSERT INTO docs VALUES (5, 1e12, 1), (0, 1e12, 1), (6, 1e12, 1), (7, 1e12, 1)');
      await db.maintenance();
      await db.run('INSERT OR REPLACE INTO docs VALUES (5.0, 1e12, 2), (-0.0, 1e12, 2)');
      await db.run('INSERT INTO docs VALUES (6.0, 1e12, 2) ON CONFLICT DO UPDATE SET n = 3');
      expect((await db.query('SELECT k, n FROM docs ORDER BY k')).rows).toEqual([
        { k: -0, n: 2 },
        { k: 5, n: 2 },
        { k: 6, n: 3 },
        { k: 7, n: 1 },
      ]);
    }));

  it('AUTOINCREMENT goes on where it was, however many of the newest rows are deleted', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS.replace('PRIMARY KEY', 'PRIMARY KEY AUTOINCREMENT'));
      await fill(db, 50);
      await db.maintenance();
      await db.run('DELETE FROM events WHERE id >= 49');
      await db.run("INSERT INTO events(at, note) VALUES (1, 'next')");
      expect((await db.query("SELECT id FROM events WHERE note = 'next'")).rows).toEqual([{ id: 51 }]);
      expect(await totals(db)).toMatchObject({ n: 49, ids: 49 });
    }));

  it('inside transactions and batches all is undone together', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const before = await totals(db);
      const hot = await hotRows(db);
      await expect(
        db.transaction(async (tx) => {
          await tx.run("UPDATE events SET note = 'in' WHERE id = 3");
          expect((await tx.query('SELECT note FROM events WHERE id = 3')).rows).toEqual([{ note: 'in' }]);
          await tx.run('DELETE FROM events WHERE id = 4');
          tx.rollback();
        }),
      ).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' });
      expect(await totals(db)).toEqual(before);
      expect(await hotRows(db)).toBe(hot);
      await db.batch(["UPDATE events SET note = 'a' WHERE id = 3", 'DELETE FROM events WHERE id = 4']);
      expect(await row(db, 4)).toEqual([]);
      expect((await row(db, 3))[0]).toContain('a');
    }));

  it('many requests may change archived rows at once', () =>
    inObject(async (storage) => {
      const db = await archived(storage);
      const ids = [1, 2, 3, 4, 5, 6, 7, 8];
      const results = await Promise.all(
        ids.map((id) => db.run("UPDATE events SET note = 'at once' WHERE id = ?", [id])),
      );
      expect(results.map(({ changes }) => changes)).toEqual(ids.map(() => 1));
      const { rows } = await db.query("SELECT count(*) AS n FROM events WHERE note = 'at once'");
      expect(rows).toEqual([{ n: 8 }]);
    }));

  it('a condition may read another tiered table of whose archived rows none is needed', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, {
        tables: ['events', 'seen'].map((table) => ({ table, by: 'at', unit: 'ms', hot: '1d' })),
      });
      await db.run(EVENTS);
      await db.run('CREATE TABLE seen (id INTEGER PRIMARY KEY, at INTEGER)');
      await fill(db, 20);
      await db.run('INSERT INTO seen SELECT id, at FROM events');
      await db.run(`INSERT INTO seen VALUES (3000, ${Date.now()})`);
      await db.run(`INSERT INTO events(id, at) VALUES (3000, ${Date.now()})`);
      await db.maintenance();
      const from = (id: number) => `FROM seen s WHERE s.id = ${id} AND events.id = s.id - 2990`;
      expect((await db.run(`DELETE FROM events WHERE EXISTS (SELECT 1 ${from(3000)})`)).changes).toBe(1);
      expect((await db.run(`UPDATE events SET note = 's' WHERE 1 = (SELECT 1 ${from(3001)})`)).changes).toBe(
        0,
      );
      await db.run('UPDATE seen SET at = at');
      expect(
        (await db.run('DELETE FROM events WHERE id IN (SELECT id FROM seen WHERE id < 5)')).changes,
      ).toBe(4);
    }));

  it('a row that would fit into no statement once it is archived stays', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage);
      await db.run(EVENTS);
      await db.run(
        'INSERT INTO events(id, at, data) VALUES (1, 1e12, zeroblob(1000000)), (2, 1e12, zeroblob(800000))',
      );
      await db.run('INSERT INTO events(id, at, note) VALUES (3, 1e12, ?), (4, 1e12, ?)', [
        '\u0001'.repeat(400_000),
        'é'.repeat(800_000),
      ]);
      await fill(db, 1, 5);
      await db.maintenance();
      const hot = await db.query('SELECT id FROM events', [], { tier: 'hot', rows: 'values' });
      expect(hot.rows).toEqual([[1], [3], [5]]);
      const { rows } = await db.query('SELECT length(data), length(note) FROM events ORDER BY id', [], {
        rows: 'values',
      });
      expect(rows.slice(0, 4)).toEqual([
        [1000000, null],
        [800000, null],
        [null, 400000],
        [null, 800000],
      ]);
      expect((await db.run('DELETE FROM events WHERE id < 5')).changes).toBe(4);
    }));

  it("a rowid that is another table's may stand beside", () =>
    inObject(async (storage) => {
      const db = await archived(storage, 10);
      await db.batch([
        'CREATE VIRTUAL TABLE found USING fts5(note)',
        "INSERT INTO found(rowid, note) VALUES (3, 'three'), (4, 'four')",
      ]);
      const three = "SELECT rowid FROM found WHERE found MATCH 'three'";
      for (const sql of [
        `SELECT id FROM events WHERE id IN (${three})`,
        "SELECT id FROM events e JOIN found f ON f.rowid = e.id WHERE f.note = 'three' AND 'oid' <> e.id",
        `UPDATE events SET note = 'x' WHERE id = (${three}) RETURNING id`,
      ])
        expect((await db.query(sql)).rows).toEqual([{ id: 3 }]);
      for (const sql of [
        'SELECT rowid FROM events',
        'SELECT e.rowid FROM events e, found',
        'SELECT id FROM events WHERE (_rowid_ > 3)',
        'SELECT (SELECT max(oid) FROM events WHERE id > 1) FROM found',
      ])
        await expect(db.query(sql)).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT' });
    }));
});
