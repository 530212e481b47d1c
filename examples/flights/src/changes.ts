import { asOf } from '@dotdo/dosql/adapters/history';
import { tier } from '@dotdo/dosql/adapters/tiered';
import { eq, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { Tenant } from './database.ts';
import { versionsOf } from './history.ts';
import { slowestAirports } from './queries.ts';
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

/** Time travel: Honolulu's airport beside its row as of before it was renamed, and every version the log has */
export async function renameHonolulu(db: Tenant) {
  const { lsn } = (await db.$client).log.head();
  const honolulu = eq(airports.iata, 'HNL');
  await db.update(airports).set({ name: 'Daniel K. Inouye International' }).where(honolulu);

  const past = asOf(alias(airports, 'past'), { lsn });
  const [names] = await db
    .select({ before: past.name, now: airports.name })
    .from(airports)
    .innerJoin(past, eq(past.iata, airports.iata))
    .where(honolulu);
  const versions = await versionsOf(db, 'HNL');
  return [{ ...names, versions: versions.map(({ name, rowEnd }) => ({ name, current: rowEnd === null })) }];
}

/** Tiered storage: January's flights move into Parquet files in R2, and every query goes on seeing them */
export async function archiveJanuary(db: Tenant) {
  const february = Date.UTC(2001, 1, 1);
  await (await db.$client).maintenance({ archiveOlderThan: Date.now() - february });

  const inObject = await tier(db, 'hot').$count(flights);
  const all = await db.$count(flights);
  const [slowest] = await slowestAirports(db);
  return [{ inObject, inFiles: all - inObject, slowest: slowest?.iata }];
}
