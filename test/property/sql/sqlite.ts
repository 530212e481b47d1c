import { constants, DatabaseSync } from 'node:sqlite';

/** Tables that the generated and collected statements use; no triggers, foreign keys or views. */
export const SCHEMA = `
CREATE TABLE t1(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE t2(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE t3(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "odd name"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "select"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "quo""te"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "left"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "window"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "replace"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE "with"(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE größe$(a INTEGER PRIMARY KEY, b TEXT, c REAL, d);
CREATE TABLE wr(a TEXT PRIMARY KEY, b TEXT, c REAL, d) WITHOUT ROWID;
CREATE TABLE one(v);
CREATE TABLE "One Col"(v);
CREATE INDEX t1b ON t1(b);
CREATE UNIQUE INDEX t2b ON t2(b);
`;

const WRITES = new Set([constants.SQLITE_INSERT, constants.SQLITE_UPDATE, constants.SQLITE_DELETE]);

export function openDatabase(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  db.exec(SCHEMA);
  return db;
}

/** What SQLite's program for one statement touches, table names folded. */
export interface Touched {
  /** Tables whose root page, or an index's, the program opens (`EXPLAIN`). */
  readonly opened: Set<string>;
  /** Tables that SQLite asks leave to insert into, update or delete from. */
  readonly written: Set<string>;
}

export function touchedTables(db: DatabaseSync, sql: string): Touched {
  const names = new Map(
    db
      .prepare('SELECT rootpage, lower(tbl_name) AS name FROM sqlite_schema')
      .all()
      .map((row) => [row['rootpage'] as number, row['name'] as string]),
  );
  const written = new Set<string>();
  db.setAuthorizer((action, table) => {
    if (WRITES.has(action) && table !== null) written.add(table.toLowerCase());
    return constants.SQLITE_OK;
  });
  const program = db.prepare(`EXPLAIN ${sql}`).all();
  db.setAuthorizer(null);
  const opened = new Set<string>();
  for (const { opcode, p1, p2, p3 } of program) {
    const page =
      opcode === 'Clear' ? p1 : p3 === 0 && /^(Open(Read|Write)|ReopenIdx)$/.test(`${opcode}`) ? p2 : 0;
    const name = names.get(page as number);
    if (name !== undefined) opened.add(name);
  }
  return { opened, written };
}

/** The program of `sql` without addresses of memory, to compare two texts. */
export function program(db: DatabaseSync, sql: string): string {
  return JSON.stringify(
    db
      .prepare(`EXPLAIN ${sql}`)
      .all()
      .map((row) => [row['opcode'], row['p1'], row['p2'], row['p3']]),
  );
}

/** The error SQLite gives for `sql`, or undefined when it prepares. */
export function prepareError(db: DatabaseSync, sql: string): string | undefined {
  try {
    db.prepare(sql);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
