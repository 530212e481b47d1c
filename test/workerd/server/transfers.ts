import type { Database } from '../../../src/index.ts';
import { DB } from '../../../src/index.ts';
import { exportDatabase, importDatabase } from '../../../src/server/transfer/index.ts';

export const FULL = { read: true, write: true };

/** One row of each kind of table, and everything that is easily lost. */
const NASTY = `
CREATE TABLE "parent ""x""" (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES "parent ""x"""(id) ON DELETE CASCADE, boss INTEGER REFERENCES child(id), deferred_id INTEGER REFERENCES child(id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE kinds (v, t TEXT, i INTEGER, r REAL, n NUMERIC, b BLOB, upper TEXT GENERATED ALWAYS AS (upper(t)) STORED, twice AS (i*2));
CREATE TABLE keyed (a TEXT COLLATE NOCASE, b, c TEXT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
CREATE TABLE strict_any (k ANY PRIMARY KEY, v ANY) STRICT;
CREATE TABLE oid (rowid TEXT, _rowid_ TEXT);
CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE docs_fts USING fts5(body, content='docs', content_rowid='id');
CREATE VIRTUAL TABLE notes USING fts5(title, body, tag UNINDEXED, tokenize='porter');
CREATE VIRTUAL TABLE words USING fts5vocab(notes, 'row');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label);
CREATE TABLE log (at INTEGER PRIMARY KEY, what TEXT);
CREATE INDEX by_name ON "parent ""x"""(name COLLATE NOCASE) WHERE name <> '';
CREATE VIEW both AS SELECT p.name, c.id FROM "parent ""x""" p JOIN child c ON c.parent_id = p.id -- a comment at the end
;
CREATE VIEW shouted AS SELECT id, upper(body) AS body FROM docs;
CREATE VIRTUAL TABLE shouted_fts USING fts5(body, content='shouted', content_rowid='id');
CREATE TRIGGER docs_ai AFTER INSERT ON docs BEGIN INSERT INTO docs_fts(rowid, body) VALUES (new.id, new.body); INSERT INTO log(what) VALUES ('doc; ' || new.id); END;
`;

export async function fill(db: Database): Promise<void> {
  await db.query(NASTY);
  await db.query(`INSERT INTO "parent ""x""" VALUES (1,'a;b'),(2,'it''s'),(9,'gone')`);
  await db.query(`DELETE FROM "parent ""x""" WHERE id=9`);
  await db.query('INSERT INTO child VALUES (5,1,7,6),(6,2,NULL,NULL),(7,1,7,5)');
  const values = [
    null,
    0,
    -0,
    5,
    0.1,
    1 / 3,
    1e308,
    5e-324,
    2 ** 53,
    1e21,
    Infinity,
    -Infinity,
    9223372036854775807n,
    -9223372036854775808n,
    9007199254740993n,
    7n,
    '',
    '5',
    '007',
    'NULL',
    "x'00'",
    'a\0b',
    '\0',
    'ä\u2028😀\r\n"quoted", \'single\'; -- not a comment /* nor this',
    'CREATE TRIGGER x; END;',
    new Uint8Array([]),
    new Uint8Array([0, 255, 10]),
  ];
  for (const v of values) {
    await db.run('INSERT INTO kinds (v,t,i,r,n,b) VALUES (?,?,?,?,?,?)', [v, v, v, v, v, v]);
    if (v !== null) await db.run('INSERT OR IGNORE INTO strict_any VALUES (?, ?)', [v, v]);
    if (v !== null) await db.run('INSERT OR IGNORE INTO keyed VALUES (?, ?, ?)', [v, v, v]);
  }
  await db.query('UPDATE kinds SET rowid = rowid * 1000 WHERE rowid > 20');
  await db.query(`INSERT INTO oid VALUES ('a','b'), ('c','d')`);
  await db.query(`INSERT INTO docs VALUES (1,'the quick fox'), (40,'a lazy dog')`);
  await db.query(`INSERT INTO shouted_fts(shouted_fts) VALUES ('rebuild')`);
  await db.query(
    `INSERT INTO notes(rowid,title,body,tag) VALUES (3,'running','jumps over','t1'), (90,'Title',NULL,'t2')`,
  );
  await db.query(`INSERT INTO notes(notes, rank) VALUES ('pgsz', 1000)`);
  await db.query(`INSERT INTO boxes VALUES (1, 0.1, 0.2, 'one'), (77, -5, 5, 'two')`);
}

/** Everything that a client could see, with exact values. */
export async function contents(db: Database): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const { rows } = await db.query<{ name: string; type: string; sql: string }>(
    `SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB '_dosql_*' AND name NOT GLOB '_cf_*' AND name NOT GLOB '__miniflare*' AND name NOT GLOB '*_fts_*' AND name NOT GLOB 'notes_*' AND name NOT GLOB 'boxes_*' ORDER BY type, name`,
  );
  found['schema'] = rows;
  for (const { name, type } of rows) {
    if (type !== 'table' && type !== 'view') continue;
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const read = await db.query(`SELECT * FROM ${quoted}`, [], { rows: 'values', integers: 'bigint' });
    const columns = read.columns.map((column) => `typeof("${column}")`).join(',');
    const classes = await db.query(`SELECT ${columns} FROM ${quoted}`, [], { rows: 'values' });
    found[name] = { columns: read.columns, rows: read.rows, classes: classes.rows };
  }
  found['violations'] = (await db.query('PRAGMA foreign_key_check')).rows;
  if (!rows.some(({ name }) => name === 'kinds')) return found;
  found['rowids'] = (await db.query('SELECT rowid FROM kinds')).rows;
  found['search'] = (await db.query(`SELECT rowid FROM docs_fts('dog')`)).rows;
  found['stems'] = (await db.query(`SELECT rowid FROM notes('run')`)).rows;
  found['config'] = (await db.query('SELECT * FROM notes_config')).rows;
  found['sequence'] = (await db.query('SELECT * FROM sqlite_sequence')).rows;
  return found;
}

export const open = (storage: DurableObjectStorage) => DB('test', { storage });

export async function text(db: Database, query = ''): Promise<string> {
  const response = await exportDatabase(new Request(`http://x/export?${query}`), { db, grant: FULL });
  return response.text();
}

export async function load(db: Database, body: BodyInit, query: string): Promise<Record<string, unknown>> {
  const request = new Request(`http://x/import?${query}`, { method: 'POST', body });
  return (await importDatabase(request, { db, grant: FULL })).json();
}
