import { eq, sql } from 'drizzle-orm';
import type { Tenant } from './database.ts';
import { airports, flights, routes } from './schema.ts';

/** An upsert that answers with the row: one more flight from New York to Los Angeles. */
export function addFlight(db: Tenant) {
  return db
    .insert(routes)
    .values({ origin: 'JFK', destination: 'LAX', distance: 2475, flights: 1 })
    .onConflictDoUpdate({
      target: [routes.origin, routes.destination],
      set: { flights: sql`${routes.flights} + excluded.flights` },
    })
    .returning();
}

/** A transaction that is given up after an await: nothing of it stays. */
export async function changeOfMind(db: Tenant) {
  const before = await db.$count(flights);
  let inside = before;
  let error = '';
  try {
    await db.transaction(async (tx) => {
      await tx.delete(flights).where(eq(flights.origin, 'ATL'));
      await crypto.subtle.digest('SHA-256', new TextEncoder().encode('any asynchronous work'));
      inside = await tx.$count(flights);
      tx.rollback();
    });
  } catch (cause) {
    error = (cause as Error).message;
  }
  return [{ before, inside, after: await db.$count(flights), error }];
}

/** A batch: one transaction, results in order. Closing Juneau's routes takes their flights along (ON DELETE CASCADE). */
export async function closeJuneau(db: Tenant) {
  const [closed, [airport], [left]] = await db.batch([
    db.delete(routes).where(eq(routes.origin, 'JNU')).returning(),
    db
      .update(airports)
      .set({ name: sql`${airports.name} || ' (closed)'` })
      .where(eq(airports.iata, 'JNU'))
      .returning(),
    db.select({ flights: sql<number>`count(*)` }).from(flights).where(eq(flights.origin, 'JNU')),
  ]);
  return [{ airport: airport?.name, routesClosed: closed.length, flightsLeft: left?.flights }];
}
