import { versions } from '@dotdo/dosql/adapters/history';
import { eq } from 'drizzle-orm';
import type { Tenant } from './database.ts';
import { airports } from './schema.ts';

/** Every version of an airport's row in the change log, the oldest first, each with the time from when and until when. */
export function versionsOf(db: Tenant, iata: string) {
  const airport = versions(airports);
  return db.select().from(airport).where(eq(airport.iata, iata)).orderBy(airport.rowStartLsn);
}
