import type { Column } from 'drizzle-orm/column';
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core/db';
import type { AsyncSession } from '../drizzle/async-session.ts';
import type { Handle } from '../drizzle/connection.ts';
import type { DrizzleRunResult } from '../drizzle/result.ts';
import { type Kind, Session } from '../drizzle/session.ts';
import { RootScope } from '../src/engine/scope.ts';
import { DosqlError } from '../src/errors/index.ts';

/** A Drizzle database or a transaction of one kind of driver, whatever its schema. */
export type DatabaseOf<K extends Kind> = BaseSQLiteDatabase<
  K,
  DrizzleRunResult,
  // biome-ignore lint/suspicious/noExplicitAny: the schema plays no part
  any,
  // biome-ignore lint/suspicious/noExplicitAny: the schema plays no part
  any
>;

export type AnyDatabase = DatabaseOf<'async'> | DatabaseOf<'sync'>;

/** @throws INVALID_ARGUMENT for the database of another driver */
export function sessionOf(db: AnyDatabase): Session {
  const { session } = db as unknown as { session: unknown };
  if (session instanceof Session) return session;
  throw new DosqlError(
    'INVALID_ARGUMENT',
    "This needs a database from drizzle(…) of '@dotdo/dosql/drizzle' or '@dotdo/dosql/drizzle/sync'.",
  );
}

/** @throws INVALID_ARGUMENT for a transaction, too: what is not committed is not seen from outside */
export function rootSessionOf(db: AnyDatabase): Session {
  const session = sessionOf(db);
  if (!session.handle || session.handle.scope instanceof RootScope) return session;
  throw new DosqlError('INVALID_ARGUMENT', 'This needs the database itself, not a transaction of it.');
}

/** Where the session runs its statements; opened now when it was not yet. */
export async function openSession(session: Session): Promise<Handle> {
  return session.handle ?? (session as AsyncSession).open();
}

/** The name of a column in the database, by the `casing` that the database was made with. */
export function columnNames(session: Session): (column: Column) => string {
  const { casing } = session.options.dialect as unknown as {
    casing: { getColumnCasing(column: Column): string };
  };
  return (column) => casing.getColumnCasing(column);
}
