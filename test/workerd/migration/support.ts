import { type DosqlError, isDosqlError } from '../../../src/errors/index.ts';
import { DB, type MigrationReport, type MigrationSource } from '../../../src/index.ts';

/** Migrates an object's database and returns the report. */
export async function migrate(
  storage: DurableObjectStorage,
  source: MigrationSource,
  ctx?: DurableObjectState,
): Promise<MigrationReport> {
  const db = await DB('test', { storage, ...(ctx && { ctx }) });
  return db.migrate(source);
}

/** The DosqlError that `work` rejects with. */
export async function failure(work: Promise<unknown>): Promise<DosqlError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isDosqlError(outcome)) throw new Error(`expected a DosqlError, not ${outcome}`, { cause: outcome });
  return outcome;
}

/** All rows of a statement, as arrays. */
export function rows(storage: DurableObjectStorage, sql: string, ...values: unknown[]): unknown[][] {
  return [...storage.sql.exec(sql, ...values).raw()];
}

/** The first column of the first row. */
export function value(storage: DurableObjectStorage, sql: string, ...values: unknown[]): unknown {
  return rows(storage, sql, ...values)[0]?.[0];
}

/** Names of the user's tables. */
export function tables(storage: DurableObjectStorage): unknown[] {
  return rows(
    storage,
    "SELECT name FROM sqlite_master WHERE type='table' AND substr(name,1,2) <> '__' AND substr(name,1,4) <> '_cf_' ORDER BY 1",
  ).flat();
}

/** The ledger as its users see it. */
export function ledger(storage: DurableObjectStorage): Record<string, SqlStorageValue>[] {
  return storage.sql
    .exec('SELECT id, hash, created_at, name, applied_at FROM __drizzle_migrations ORDER BY id')
    .toArray();
}

/** Records the statements that run on a storage from now on. */
export function recordStatements(storage: DurableObjectStorage): { sql: string; rowsRead: number }[] {
  const seen: { sql: string; rowsRead: number }[] = [];
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  sql.exec = ((text: string, ...values: unknown[]) => {
    const entry = { sql: text, rowsRead: 0 };
    seen.push(entry);
    const cursor = exec(text, ...values);
    queueMicrotask(() => {
      entry.rowsRead = cursor.rowsRead;
    });
    return cursor;
  }) as typeof sql.exec;
  return seen;
}

export async function sha256(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
