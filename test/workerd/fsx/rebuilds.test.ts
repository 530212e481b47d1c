import { describe, expect, it } from 'vitest';
import type { TierPolicy } from '../../../src/fsx/index.ts';
import { inObject } from '../object.ts';
import { DAY, openTiers, type Tiered } from './opened.ts';

const POLICY: TierPolicy = { table: 'items', by: 'at', unit: 'ms', hot: '1d', segmentRows: 1000 };

/** A table of these columns whose rows but the last are archived. */
async function archived(
  storage: DurableObjectStorage,
  columns: string,
  rows: readonly (readonly (string | number | null)[])[],
): Promise<Tiered> {
  const db = await openTiers(storage, { tables: [POLICY] });
  await db.run(`CREATE TABLE items (at INTEGER, ${columns})`);
  const start = Date.now() - 10 * DAY;
  for (const [i, row] of rows.entries())
    await db.run(`INSERT INTO items VALUES (?, ${row.map(() => '?')})`, [start + i, ...row]);
  await db.maintenance();
  return db;
}

/** What drizzle-kit writes to change a table. */
const rebuilt = (columns: string) => [
  {
    id: 'rebuild',
    sql: `CREATE TABLE __new_items (at INTEGER, ${columns});
INSERT INTO __new_items SELECT * FROM items;
DROP TABLE items;
ALTER TABLE __new_items RENAME TO items;`,
  },
];
const keys = Array.from({ length: 12 }, (_, i) => [`${i}`, `v${i}`] as const);

describe('a table with archived rows that is built anew', () => {
  it.each([
    ['id TEXT PRIMARY KEY, v TEXT', 'id INTEGER PRIMARY KEY, v TEXT'],
    ['id TEXT PRIMARY KEY, v TEXT', 'id TEXT COLLATE NOCASE PRIMARY KEY, v TEXT'],
    ['id TEXT, v TEXT, PRIMARY KEY (id)', 'id TEXT, v TEXT, PRIMARY KEY (id, v)'],
    ['id TEXT, v TEXT, PRIMARY KEY (id, v)', 'id TEXT, v TEXT, PRIMARY KEY (v)'],
    ['id INT PRIMARY KEY, v TEXT', 'id INTEGER PRIMARY KEY, v TEXT'],
  ])('keeps its key: %s does not become %s', (before, after) =>
    inObject(async (storage) => {
      const numbers = keys.map(([, v], i) => [i, v] as const);
      const db = await archived(storage, before, before.includes('INT') ? numbers : keys);
      await expect(db.migrate(rebuilt(after))).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        cause: { code: 'UNSUPPORTED_STATEMENT' },
      });
      const { changes } = await db.run("UPDATE items SET v = 'new' WHERE v = 'v3'");
      expect(changes).toBe(1);
      const { rows } = await db.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM items');
      expect(rows).toEqual([{ n: 12, ids: 12 }]);
    }),
  );

  it('goes on giving rowids to new rows, and to those that come back', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 'id TEXT PRIMARY KEY, v TEXT', keys);
      await db.migrate(rebuilt("id TEXT PRIMARY KEY, v TEXT DEFAULT 'x'"));
      await db.run("INSERT INTO items(id) VALUES ('new'), ('newer')");
      // They had the rowids that the new rows have now.
      expect((await db.run("UPDATE items SET v = 'back' WHERE id IN ('0', '1', '2')")).changes).toBe(3);
      await db.maintenance({ compact: true });
      await db.run("INSERT INTO items(id) VALUES ('newest')");
      expect((await db.run('UPDATE items SET at = at')).changes).toBe(15);
      const { rows } = await db.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM items');
      expect(rows).toEqual([{ n: 15, ids: 15 }]);
    }));

  it('leaves other tables free to be: parents of others, or without a key', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 'id TEXT PRIMARY KEY, v TEXT', keys);
      await db.run('CREATE TABLE parents (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE children (parent INTEGER REFERENCES parents ON DELETE CASCADE)');
      await db.run('CREATE TABLE plain (a)');
      await db.batch([['INSERT INTO parents VALUES (1)'], ['INSERT INTO children VALUES (1)']]);
      const sql = ['parents (id INTEGER PRIMARY KEY, name TEXT)', 'plain (a, name)']
        .map((table) => [table, table.split(' ')[0]!] as const)
        .map(
          ([table, name]) => `CREATE TABLE __new_${table};
INSERT INTO __new_${name} SELECT *, 'x' FROM ${name};
DROP TABLE ${name};
ALTER TABLE __new_${name} RENAME TO ${name};`,
        );
      await db.migrate([{ id: 'others', sql: sql.join('\n') }]);
      expect(
        (await db.query('SELECT id, name, parent FROM parents JOIN children ON parent = id')).rows,
      ).toEqual([{ id: 1, name: 'x', parent: 1 }]);
      expect((await db.query('SELECT count(*) AS n FROM items')).rows).toEqual([{ n: 12 }]);
    }));

  it('takes no NOT NULL for a column that is NULL in an archived row, until it has a value', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 'id INTEGER PRIMARY KEY, v TEXT', [
        [1, 'a'],
        [2, null],
        [3, 'c'],
        [4, 'd'],
      ]);
      const migration = rebuilt('id INTEGER PRIMARY KEY, v TEXT NOT NULL');
      await expect(db.migrate(migration)).rejects.toMatchObject({
        cause: { code: 'UNSUPPORTED_STATEMENT', columns: ['v'] },
      });
      await db.run("UPDATE items SET v = 'b' WHERE v IS NULL");
      await db.migrate(migration);
      expect((await db.run('DELETE FROM items WHERE id < 3')).changes).toBe(2);
      expect((await db.query('SELECT id, v FROM items ORDER BY id')).rows).toEqual([
        { id: 3, v: 'c' },
        { id: 4, v: 'd' },
      ]);
    }));

  it('takes no new column whose default archived rows would compute each time anew', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 'id INTEGER PRIMARY KEY', [[1], [2], [3]]);
      for (const value of ['CURRENT_TIMESTAMP', '(unixepoch())', "('a' || random())"]) {
        const sql = `CREATE TABLE __new_items (at INTEGER, id INTEGER PRIMARY KEY, x DEFAULT ${value});
INSERT INTO __new_items(at, id) SELECT at, id FROM items;
DROP TABLE items;
ALTER TABLE __new_items RENAME TO items;`;
        await expect(db.migrate([{ id: 'adds', sql }])).rejects.toMatchObject({
          cause: { code: 'UNSUPPORTED_STATEMENT', columns: ['x'] },
        });
      }
      await db.run("ALTER TABLE items ADD COLUMN x DEFAULT 'current_(x)'");
      expect((await db.query('SELECT x FROM items WHERE id = 1')).rows).toEqual([{ x: 'current_(x)' }]);
    }));

  it('gives texts the values that a column of numbers stores for them', () =>
    inObject(async (storage) => {
      const texts = [
        '1',
        '2.0',
        '2.5',
        'abc',
        '2026-11-22',
        ' 7 ',
        '007',
        '9007199254740993',
        '1e3',
        '',
        '-0',
      ];
      const rows = [...texts, 'last'].map((text, i) => [i, text, text, text] as const);
      const db = await archived(storage, 'id INTEGER PRIMARY KEY, v TEXT, r TEXT, n TEXT', rows);
      await db.run('CREATE TABLE plain (id, v INTEGER, r REAL, n NUMERIC)');
      for (const row of rows) await db.run('INSERT INTO plain VALUES (?, ?, ?, ?)', row);
      await db.migrate(rebuilt('id INTEGER PRIMARY KEY, v INTEGER, r REAL, n NUMERIC'));
      const read = async (table: string) =>
        (
          await db.query(
            `SELECT typeof(v), CAST(v AS TEXT), typeof(r), CAST(r AS TEXT), typeof(n), CAST(n AS TEXT) FROM ${table} ORDER BY id`,
            [],
            { rows: 'values' },
          )
        ).rows;
      expect(await read('items')).toEqual(await read('plain'));
    }));

  it('may change names with another as often as it likes, with and without archived rows', () =>
    inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [POLICY] });
      await db.run('CREATE TABLE items (at INTEGER, id INTEGER PRIMARY KEY)');
      for (let month = 0; month < 4; month++) {
        if (month > 1) await db.run('INSERT INTO items VALUES (1, 1), (2, 2), (3, 3)');
        await db.maintenance();
        await db.run('ALTER TABLE items RENAME TO old_items');
        expect((await db.query('SELECT id FROM old_items')).rows).toHaveLength(month > 1 ? 3 : 0);
        await db.run('ALTER TABLE old_items RENAME TO items');
        await db.run('ALTER TABLE items RENAME TO old_items');
        await db.run('CREATE TABLE items (at INTEGER, id INTEGER PRIMARY KEY)');
        expect((await db.query('SELECT id FROM items')).rows).toEqual([]);
        await db.run('DROP TABLE old_items');
      }
    }));

  it('is not left behind by a migration that renames it and copies its rows', () =>
    inObject(async (storage) => {
      const db = await archived(storage, 'id TEXT PRIMARY KEY, v TEXT', keys);
      const sql = `ALTER TABLE items RENAME TO old_items;
CREATE TABLE items (at INTEGER, id TEXT PRIMARY KEY, v TEXT);
INSERT INTO items SELECT * FROM old_items;
DROP TABLE old_items;`;
      await expect(db.migrate([{ id: 'renames', sql }])).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
      expect((await db.query('SELECT count(*) AS n FROM items')).rows).toEqual([{ n: 12 }]);
    }));
});
