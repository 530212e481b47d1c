import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { fromSqlite } from '../errors/index.ts';

/** The table that drizzle's migrators keep, too: docs/formats/ledger.md. */
const LEDGER = '__drizzle_migrations';
const CREATE = `CREATE TABLE IF NOT EXISTS ${LEDGER}(id INTEGER PRIMARY KEY,hash text NOT NULL,created_at numeric,name text,applied_at TEXT,digest TEXT)`;

/** One applied migration. drizzle 0.45 has no names; its Durable Object migrators, and those of 1.0, write an empty hash. */
export interface LedgerRow {
  rowid: number;
  hash: string;
  created_at: number;
  name?: string | null;
  applied_at?: string | null;
}

/**
 * The digest of the source that was last found to be in place; undefined when nothing was, or when somebody else has
 * written the newest row. One statement, at most one row read. @throws SQL_NOT_ENABLED
 */
export function readDigest({ sql }: Engine): unknown {
  try {
    return drain(sql.exec(`SELECT digest FROM ${LEDGER} ORDER BY id DESC LIMIT 1`))[0]?.[0];
  } catch (cause) {
    const error = fromSqlite(cause);
    // No ledger yet, or that of another tool.
    if (error.code !== 'NO_SUCH_TABLE' && error.code !== 'NO_SUCH_COLUMN') throw error;
    return undefined;
  }
}

/** The rows in order; makes the table when there is none. `foreign`: another tool made it, and it has to be made anew. */
export function readLedger({ sql }: Engine): { rows: LedgerRow[]; foreign: boolean } {
  sql.exec(CREATE);
  // drizzle 0.45 declares `id SERIAL`, which SQLite does not fill in.
  const cursor = sql.exec(`SELECT rowid AS rowid,* FROM ${LEDGER} ORDER BY 1`);
  return {
    foreign: !cursor.columnNames.includes('digest'),
    rows: cursor.toArray() as unknown as LedgerRow[],
  };
}

/** Makes the table anew with these rows; to be called in a transaction. */
export function rewriteLedger({ sql }: Engine, rows: readonly LedgerRow[]): void {
  sql.exec(`DROP TABLE ${LEDGER};${CREATE}`);
  for (const row of rows) writeRow(sql, row);
}

/** Adds a row. */
export function writeRow(
  sql: SqlStorage,
  { rowid, hash, created_at, name, applied_at }: Partial<LedgerRow>,
): void {
  sql.exec(
    `INSERT INTO ${LEDGER} VALUES(?,?,?,?,?,NULL)`,
    ...[rowid, hash, created_at, name, applied_at].map((value) => value ?? null),
  );
}

/** Notes on the newest row that a whole source is in place. */
export function writeDigest({ sql }: Engine, digest: string): void {
  sql.exec(`UPDATE ${LEDGER} SET digest=? WHERE id=(SELECT max(id) FROM ${LEDGER})`, digest);
}
