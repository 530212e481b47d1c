import { env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createTieredBackend, type TieredOptions } from '../../../src/fsx/index.ts';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';
import { POLICY } from './opened.ts';

const open = (hot: DurableObjectStorage, options: Partial<TieredOptions> = {}) =>
  DB('logged', {
    storage: createTieredBackend({
      hot,
      cold: env.BUCKET,
      tables: [{ ...POLICY, table: 'notes' }],
      ...options,
    }),
    extensions: [changeLog({ tables: '*' }), timeTravel()],
  });
type Logged = Awaited<ReturnType<typeof open>>;

const KEYS: Record<string, [declared: string, key: (n: number) => unknown]> = {
  integer: ['id INTEGER PRIMARY KEY', (n) => n],
  text: ['id TEXT PRIMARY KEY', (n) => `k${n}`],
  'WITHOUT ROWID': ['id TEXT PRIMARY KEY', (n) => `k${n}`],
};

/** Six rows, of which five are archived; gives what the table held and at which LSN. */
async function archived(db: Logged, kind: string): Promise<{ lsn: number; rows: unknown[] }> {
  const [declared, key] = KEYS[kind]!;
  await db.run(
    `CREATE TABLE notes (${declared}, at INTEGER NOT NULL, body TEXT)${kind.startsWith('W') ? ' WITHOUT ROWID' : ''}`,
  );
  for (let n = 1; n <= 6; n++)
    await db.run('INSERT INTO notes VALUES (?, ?, ?)', [key(n) as string, n < 6 ? 1e12 : 9e12, `body ${n}`]);
  await db.maintenance();
  return { lsn: db.log.head().lsn, rows: (await db.query('SELECT * FROM notes ORDER BY id')).rows };
}

const at = async (db: Logged, lsn: number) =>
  (await db.asOf({ lsn }).query('SELECT * FROM notes ORDER BY id')).rows;

describe.each(Object.keys(KEYS))('the past of a table that had archived rows, key: %s', (kind) => {
  const key = KEYS[kind]![1] as (n: number) => string;

  it('is there as soon as all of them have come back', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      const { lsn, rows } = await archived(db, kind);
      await db.run("UPDATE notes SET body = 'new' WHERE id <> ?", [key(2)]);
      await expect(at(db, lsn)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      await db.run('DELETE FROM notes WHERE id = ?', [key(2)]);
      expect(await at(db, lsn)).toEqual(rows);
      expect(await at(db, db.log.head().lsn)).toHaveLength(5);
      const versions = await db.versions('notes', 'all', { where: { id: key(2) } });
      expect(versions).toHaveLength(1);
    }));

  it('begins where one of them was replaced, as the log does not know what it was', () =>
    inObject(async (storage) => {
      const db = await open(storage, { keepDeadFor: 0 });
      const { lsn } = await archived(db, kind);
      await db.run("INSERT OR REPLACE INTO notes VALUES (?, 9e12, 'again')", [key(3)]);
      await db.run('UPDATE notes SET at = 9e12 WHERE at = 1e12');
      const { lsn: now } = db.log.head();
      const rows = (await db.query('SELECT * FROM notes ORDER BY id')).rows;
      for (let i = 0; i < 3; i++) {
        await db.maintenance({ compact: true });
        await scheduler.wait(1);
        await expect(at(db, lsn)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      }
      expect([...storage.sql.exec('SELECT 1 FROM _dosql_tier_seg')]).toEqual([]);
      await expect(db.diff('notes', { lsn }, { lsn: now })).rejects.toMatchObject({
        code: 'HISTORY_UNAVAILABLE',
        horizon: { lsn: now },
      });
      expect(await at(db, now)).toEqual(rows);
      await db.run("UPDATE notes SET body = 'last' WHERE id = ?", [key(3)]);
      expect(await at(db, now)).toEqual(rows);
      const versions = await db.versions<{ body: string }>('notes', 'all', { where: { id: key(3) } });
      expect(versions.map(({ body, row_start }) => [body, row_start === null])).toEqual([
        ['again', true],
        ['last', false],
      ]);
    }));

  it('begins with the loss of those that went with their table', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      const { lsn } = await archived(db, kind);
      await db.run('DROP TABLE notes');
      await expect(at(db, lsn)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      await archived(db, kind);
      await db.run("UPDATE notes SET body = 'new'");
      await expect(at(db, lsn)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      expect(await at(db, db.log.head().lsn)).toHaveLength(6);
    }));
});

describe('rowids that nobody sees', () => {
  /** What a reader of the whole log has, by key. */
  async function replica(db: Logged): Promise<unknown[]> {
    const rows = new Map<unknown, unknown>();
    for (const { op, before, after } of (await db.log.read({ limit: 1000 })).events) {
      if (op === 'schema') continue;
      if (before) expect(rows.get(before['id'])).toEqual(before);
      if (before) rows.delete(before['id']);
      if (after) rows.set(after['id'], after);
    }
    return [...rows.values()];
  }

  it('are given again when the newest rows were deleted, and the log tells rows apart', () =>
    inObject(async (storage) => {
      const db = await open(storage);
      const { lsn } = await archived(db, 'text');
      await db.run("DELETE FROM notes WHERE id = 'k6'");
      await db.run("INSERT INTO notes VALUES ('n1', 9e12, 'new')");
      await db.run("INSERT INTO notes VALUES ('n2', 9e12, 'new')");
      await db.run("INSERT INTO notes (rowid, id, at, body) VALUES (3, 'n3', 9e12, 'new')");
      await db.run("DELETE FROM notes WHERE id = 'n1'");
      await db.run("UPDATE notes SET body = 'back' WHERE id = 'k1'");
      await db.run("UPDATE notes SET body = 'back' WHERE id > 'k1'");
      const { lsn: now } = db.log.head();
      await db.run("UPDATE notes SET body = 'last' WHERE id = 'k1'");
      const { rows } = await db.query('SELECT * FROM notes ORDER BY id');
      expect(rows.map(({ id, body }) => `${id} ${body}`).join()).toBe(
        'k1 last,k2 back,k3 back,k4 back,k5 back,n2 back,n3 back',
      );
      const read = (await replica(db)) as typeof rows;
      expect(read.sort((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))).toEqual(rows);
      await expect(at(db, lsn)).rejects.toMatchObject({ code: 'HISTORY_UNAVAILABLE' });
      expect(await at(db, now)).toEqual(
        rows.map((row) => (row['id'] === 'k1' ? { ...row, body: 'back' } : row)),
      );
    }));

  it('of a table that other code made anew are not those in the files', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      await archived(await open(storage), 'text');
      for (const sql of [
        'CREATE TABLE other (id TEXT PRIMARY KEY, at INTEGER NOT NULL, body TEXT)',
        'INSERT INTO other SELECT * FROM notes ORDER BY id',
        'DROP TABLE notes',
        'ALTER TABLE other RENAME TO notes',
      ])
        storage.sql.exec(sql);
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const db = await open(storage);
      const { lsn } = db.log.head();
      await db.run("INSERT INTO notes VALUES ('n1', 9e12, 'new')");
      await db.run("DELETE FROM notes WHERE id = 'n1'");
      await db.run("UPDATE notes SET body = 'back' WHERE id < 'k6'");
      const { events } = await db.log.read({ after: lsn });
      expect(events.map(({ op, key }) => `${op} ${key['id']}`).sort()).toEqual([
        'delete n1',
        'insert n1',
        ...[1, 2, 3, 4, 5].map((n) => `update k${n}`),
      ]);
    }, stub);
  });
});
