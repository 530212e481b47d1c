import { drain } from '../../engine/cursor.ts';
import type { Engine } from '../../engine/engine.ts';

/** docs/formats/import.md */
const CREATE = `CREATE TABLE IF NOT EXISTS _dosql_import(id TEXT PRIMARY KEY,format TEXT NOT NULL,target TEXT,offset INTEGER NOT NULL,units INTEGER NOT NULL,header TEXT,done INTEGER NOT NULL,updated_at TEXT NOT NULL) WITHOUT ROWID`;

/** How far an import is. */
export interface ImportState {
  readonly id: string;
  readonly format: string;
  /** The table that rows go into. */
  readonly table: string | null;
  /** Bytes of the file that are in the database. */
  readonly offset: number;
  /** Statements or rows that are in the database. */
  readonly units: number;
  /** The record of names that a CSV file begins with. */
  readonly header: string | null;
  readonly done: boolean;
}

/** The state of an import; undefined when there is none of this id. */
export function readState({ sql }: Engine, id: string): ImportState | undefined {
  if (drain(sql.exec("SELECT 1 FROM sqlite_master WHERE name='_dosql_import'")).length === 0)
    return undefined;
  const [row] = drain(
    sql.exec('SELECT id,format,target,offset,units,header,done FROM _dosql_import WHERE id=?', id),
  ) as [string, string, string | null, number, number, string | null, number][];
  if (!row) return undefined;
  const [, format, table, offset, units, header, done] = row;
  return { id, format, table, offset, units, header, done: done === 1 };
}

/** Notes how far it is; to be called in the transaction of what it notes. */
export function writeState(
  { sql }: Engine,
  { id, format, table, offset, units, header, done }: ImportState,
): void {
  sql.exec(CREATE);
  const values = [id, format, table, offset, units, header, Number(done), new Date().toISOString()];
  sql.exec('INSERT OR REPLACE INTO _dosql_import VALUES(?,?,?,?,?,?,?,?)', ...values);
}

/** Forgets an import: the same id begins anew. */
export function deleteState({ sql }: Engine, id: string): void {
  sql.exec(CREATE);
  sql.exec('DELETE FROM _dosql_import WHERE id=?', id);
}
