import { sql } from 'drizzle-orm';
import type { Tenant } from './database.ts';
import { airports, flights, routes, timings } from './schema.ts';

export type AirportRow = typeof airports.$inferInsert;
export type TimingRow = typeof timings.$inferInsert;

/** A flight as it arrives over HTTP. `departsAt` is an ISO 8601 time, `distance` in miles, `delay` in minutes. */
export interface FlightRow {
  origin: string;
  destination: string;
  departsAt: string;
  delay: number;
  distance: number;
}

/** Each function stores its whole batch or nothing, however many parameters that takes. */
export const loaders = {
  async airports(db: Tenant, rows: AirportRow[]) {
    await db.insert(airports).values(rows);
  },

  async flights(db: Tenant, rows: FlightRow[]) {
    const perRoute = Map.groupBy(rows, (row) => `${row.origin}-${row.destination}`);
    await db.batch([
      db
        .insert(routes)
        .values([...perRoute.values()].map((all) => ({ ...all[0]!, flights: all.length })))
        .onConflictDoUpdate({
          target: [routes.origin, routes.destination],
          set: { flights: sql`${routes.flights} + excluded.flights` },
        }),
      db
        .insert(flights)
        .values(rows.map((row) => ({ ...row, departsAt: new Date(row.departsAt), late: row.delay >= 15 }))),
    ]);
  },

  async timings(db: Tenant, rows: TimingRow[]) {
    await db.insert(timings).values(rows);
  },
};
