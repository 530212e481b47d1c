import type { Database } from '../../../src/index.ts';
import type { Random } from './random.ts';

/** Tables of every kind that capture has to treat differently. */
export const SCHEMA = [
  'CREATE TABLE items (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, v, n INTEGER, twice AS (n * 2))',
  'CREATE TABLE tags (name TEXT COLLATE NOCASE PRIMARY KEY, n NUMERIC)',
  'CREATE TABLE pairs (a TEXT COLLATE NOCASE, b INTEGER, v REAL, PRIMARY KEY (b, a)) WITHOUT ROWID',
  'CREATE TABLE loose (x, y REAL, z BLOB)',
  'CREATE TABLE links (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items ON DELETE CASCADE ON UPDATE CASCADE, tag TEXT REFERENCES tags (name) ON DELETE SET NULL ON UPDATE CASCADE)',
  'CREATE TABLE nodes (id INTEGER PRIMARY KEY, rowid TEXT, parent INTEGER REFERENCES nodes ON DELETE CASCADE, updated INTEGER DEFAULT 0)',
  'CREATE TABLE strict (id INTEGER PRIMARY KEY AUTOINCREMENT, any ANY, r REAL, b BLOB, s TEXT AS (any || r) STORED) STRICT',
  'CREATE TRIGGER nodes_updated AFTER UPDATE OF rowid ON nodes BEGIN UPDATE nodes SET updated = updated + 1 WHERE id = NEW.id; END',
  'CREATE TRIGGER items_first AFTER INSERT ON items WHEN NEW.n IS NULL BEGIN UPDATE items SET n = 0 WHERE id = NEW.id; END',
];

export const TABLES = ['items', 'tags', 'pairs', 'loose', 'links', 'nodes', 'strict'];

const VALUES = [
  'NULL',
  '0',
  '-1',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  '0.1+0.2',
  '1e308',
  "'a'",
  "'A'",
  "''",
  "'5'",
  "x'00ff'",
  "x''",
  "char(0)||'nul'",
  "'😀 “quoted”'",
];

/** One random statement; some fail, as statements do. */
export function randomStatement(r: Random): string {
  const v = () => r.pick(VALUES);
  const id = () => 1 + r.int(8);
  const name = () => r.pick(["'a'", "'A'", "'b'", "'B'", "'c'", 'NULL']);
  const sku = () => r.pick(["'s1'", "'s2'", "'s3'", "'S1'", 'NULL', 'NULL']);
  const or = () => r.pick(['', '', ' OR REPLACE', ' OR IGNORE']);
  switch (r.int(32)) {
    case 0:
    case 1:
    case 2:
      return `INSERT${or()} INTO items (id, sku, v, n) VALUES (${id()}, ${sku()}, ${v()}, ${r.pick(['NULL', '1', '2'])})`;
    case 3:
      return `INSERT INTO items (sku, v, n) VALUES (NULL, ${v()}, 1), (NULL, ${v()}, 2), (${sku()}, 1, 3)`;
    case 4:
      return `INSERT INTO items (id, sku, n) VALUES (${id()}, ${sku()}, 1) ON CONFLICT DO UPDATE SET n = n + 1, id = ${r.pick(['id', 'id + 20'])}`;
    case 5:
      return `UPDATE${or()} items SET sku = ${sku()}, v = ${v()} WHERE id = ${id()}`;
    case 6:
      return `UPDATE${or()} items SET id = ${id()} WHERE id = ${id()}`;
    case 7:
      return `DELETE FROM items WHERE id ${r.pick(['=', '<', '>'])} ${id()}`;
    case 8:
      return `UPDATE items SET n = n + 1 WHERE id > ${id()}`;
    case 9:
    case 10:
      return `INSERT${or()} INTO tags VALUES (${name()}, ${v()})`;
    case 11:
      return `UPDATE${or()} tags SET name = ${name()}, n = ${v()} WHERE name ${r.pick(['=', 'IS', '>'])} ${name()}`;
    case 12:
      return `DELETE FROM tags WHERE name IS ${name()}`;
    case 13:
      return `UPDATE tags SET rowid = rowid + ${1 + r.int(5)} WHERE rowid = ${id()}`;
    case 14:
    case 15:
      return `INSERT${or()} INTO pairs (a, b, v) VALUES (${r.pick(["'a'", "'A'", "'b'", "'c'"])}, ${r.int(4)}, ${v()})`;
    case 16:
      return `UPDATE${or()} pairs SET a = ${r.pick(["'a'", "'A'", "'B'", 'a'])}, b = ${r.pick(['b', 'b + 1', '2'])}, v = ${v()} WHERE b = ${r.int(4)}`;
    case 17:
      return `INSERT INTO pairs (a, b, v) VALUES ('a', ${r.int(4)}, 1) ON CONFLICT DO UPDATE SET v = v + 1, b = b + ${r.int(2)}`;
    case 18:
      return `DELETE FROM pairs WHERE b ${r.pick(['=', '>'])} ${r.int(4)}`;
    case 19:
    case 20:
      return `INSERT INTO loose (x, y, z) VALUES (${v()}, ${v()}, ${v()})`;
    case 21:
      return `UPDATE loose SET x = ${v()}, rowid = rowid + ${r.pick([0, 0, 100])} WHERE rowid % 3 = ${r.int(3)}`;
    case 22:
      return r.once(3) ? 'DELETE FROM loose' : `DELETE FROM loose WHERE rowid % 3 = ${r.int(3)}`;
    case 23:
      return `INSERT${or()} INTO links VALUES (${id()}, (SELECT max(id) FROM items), (SELECT min(name) FROM tags))`;
    case 24:
      return `INSERT${r.pick(['', ' OR IGNORE'])} INTO nodes (id, rowid, parent) VALUES (${id()}, ${v()}, ${r.pick(['NULL', `${id()}`])})`;
    case 25:
      return `UPDATE nodes SET rowid = ${v()} WHERE id < ${id()}`;
    case 26:
      return `DELETE FROM nodes WHERE id = ${id()}`;
    case 27:
    case 28:
      return `INSERT${or()} INTO strict (id, any, r) VALUES (${r.pick(['NULL', `${id()}`])}, ${v()}, ${r.pick(['1', '0.5', 'NULL'])})`;
    case 29:
      return `UPDATE strict SET any = ${v()}, b = ${r.pick(["x'01'", 'NULL'])} WHERE id % 2 = ${r.int(2)}`;
    case 30:
      return `DELETE FROM strict WHERE id = ${id()}`;
    default:
      return `REPLACE INTO tags VALUES (${name()}, ${v()})`;
  }
}

/** A schema change; each keeps the columns that the statements above name. */
export function randomSchemaChange(r: Random, n: number): string[] {
  switch (r.int(9)) {
    case 0:
      return [
        `ALTER TABLE items ADD COLUMN extra${n} TEXT DEFAULT 'x'`,
        `UPDATE items SET extra${n} = 'y' WHERE n = 1`,
      ];
    case 1:
      return [`ALTER TABLE pairs ADD COLUMN extra${n} INTEGER`];
    case 2:
      return [
        `ALTER TABLE loose ADD COLUMN t${n}`,
        `UPDATE loose SET t${n} = x`,
        `ALTER TABLE loose RENAME COLUMN t${n} TO u${n}`,
        ...(r.once(2) ? [`ALTER TABLE loose DROP COLUMN u${n}`] : []),
      ];
    case 3:
      return [
        'ALTER TABLE tags RENAME TO labels',
        'UPDATE labels SET n = 3',
        'ALTER TABLE labels RENAME TO tags',
      ];
    case 4:
      return [
        `CREATE INDEX items_n${n} ON items (n)`,
        `CREATE TRIGGER tags_t${n} AFTER INSERT ON tags BEGIN SELECT 1; END`,
      ];
    case 5:
      return [
        'CREATE TABLE __new_tags (name TEXT COLLATE NOCASE PRIMARY KEY, n NUMERIC)',
        `INSERT INTO __new_tags SELECT name, n FROM tags ORDER BY n ${r.pick(['', 'DESC'])}`,
        'PRAGMA defer_foreign_keys = 1',
        'DROP TABLE tags',
        'ALTER TABLE __new_tags RENAME TO tags',
      ];
    case 6:
      return [
        'CREATE TABLE __new_strict (id INTEGER PRIMARY KEY AUTOINCREMENT, any ANY, r REAL, b BLOB, s TEXT AS (any || r) STORED) STRICT',
        'INSERT INTO __new_strict (id, any, r) SELECT id * 2, any, r FROM strict WHERE id > 1',
        'DROP TABLE strict',
        'ALTER TABLE __new_strict RENAME TO strict',
      ];
    default:
      return [
        'CREATE TABLE __new_loose (x, y REAL, z BLOB)',
        'INSERT INTO __new_loose SELECT x, y, z FROM loose WHERE y IS NOT 0',
        'DROP TABLE loose',
        'ALTER TABLE __new_loose RENAME TO loose',
      ];
  }
}

/** Rows of a table, every cell in a form that tells values apart. */
export function rowsOf(
  db: Pick<Database, 'querySync'>,
  columns: readonly string[],
  source: string,
): string[][] {
  const list = columns.map((c) => `typeof("${c}")||':'||quote("${c}")`);
  return db
    .querySync<string[]>(`SELECT ${list.join(',')} FROM ${source}`, undefined, { rows: 'values' })
    .rows.sort((a, b) => (a.join('|') < b.join('|') ? -1 : 1));
}
