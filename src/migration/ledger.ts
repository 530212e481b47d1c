import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { fromSqlite } from '../errors/index.ts';

/** The table that drizzle's migrators keep, too: docs/formats/ledger.md. */
const LEDGER = '__drizzle_migrations';

/** One applied migration. `name` is null where drizzle 0.45 wrote the row; its Durable Object migrators write an empty hash. */
export interface LedgerRow {
  id: number;
  hash: string;
  created: number;
  name: string | null;
  applied: string | null;
}

export interface Ledger {
  rows: LedgerRow[];
  /** Another tool made the table, and it has to be made anew: columns are missing, or `id` is not the row id. */
  foreign: boolean;
}

/**
 * The digest of the source that was last found to be in place; undefined when nothing was, or when somebody else has
 * written the newest row. One statement, at most one row read. @throws SQL_NOT_ENABLED
 */
export function readDigest(engine: Engine): unknown {
  try {
    return drain(engine.sql.exec(`SELECT digest FROM ${LEDGER} ORDER BY id DESC LIMIT 1`))[0]?.[0];
  } catch (cause) {
    const error = fromSqlite(cause);
    // No ledger yet, or that of another tool.
    if (error.code !== 'NO_SUCH_TABLE' && error.code !== 'NO_SUCH_COLUMN') throw error;
    return undefined;
  }
}

export function readLedger({ sql }: Engine): Ledger {
  const types = new Map(
    drain(sql.exec(`SELECT name,type FROM pragma_table_info('${LEDGER}')`)) as [string, string][],
  );
  if (types.size === 0) return { rows: [], foreign: false };
  const column = (name: string) => (types.has(name) ? name : 'NULL');
  // drizzle 0.45 declares `id SERIAL`, which SQLite does not fill in.
  const rows = drain(
    sql.exec(
      `SELECT rowid,hash,created_at,${column('name')},${column('applied_at')} FROM ${LEDGER} ORDER BY 1`,
    ),
  ) as [number, string, unknown, string | null, string | null][];
  return {
    rows: rows.map(([id, hash, created, name, applied]) => ({
      id,
      hash,
      created: Number(created),
      name,
      applied,
    })),
    foreign: types.get('id') !== 'INTEGER' || !types.has('digest'),
  };
}

/** Makes the table anew with these rows; to be called in a transaction. */
export function rewriteLedger(engine: Engine, rows: readonly LedgerRow[]): void {
  engine.sql.exec(`DROP TABLE IF EXISTS ${LEDGER}`);
  for (const row of rows) writeRow(engine, row);
}

/** Adds a row; the table, too, when it is missing. */
export function writeRow(
  { sql }: Engine,
  { id, hash, created, name, applied }: Omit<LedgerRow, 'id'> & { id?: number },
): void {
  sql.exec(
    `CREATE TABLE IF NOT EXISTS ${LEDGER}(id INTEGER PRIMARY KEY,hash text NOT NULL,created_at numeric,name text,applied_at TEXT,digest TEXT)`,
  );
  sql.exec(`INSERT INTO ${LEDGER} VALUES(?,?,?,?,?,NULL)`, id ?? null, hash, created, name, applied);
}

/** Notes on the newest row that a whole source is in place. */
export function writeDigest({ sql }: Engine, digest: string): void {
  sql.exec(`UPDATE ${LEDGER} SET digest=? WHERE id=(SELECT max(id) FROM ${LEDGER})`, digest);
}
