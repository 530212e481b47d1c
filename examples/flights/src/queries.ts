import { and, avg, count, desc, eq, gt, gte, lt, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { Tenant } from './database.ts';
import { recorded } from './files.ts';
import { airports, flights, routes, timings } from './schema.ts';

const destination = alias(airports, 'destination');

/** Filters and order: the worst departures from Chicago O'Hare in one week. */
export function lateDepartures(db: Tenant) {
  return db
    .select()
    .from(flights)
    .where(
      and(
        eq(flights.origin, 'ORD'),
        eq(flights.late, true),
        gte(flights.departsAt, new Date('2001-01-15T00:00:00Z')),
        lt(flights.departsAt, new Date('2001-01-22T00:00:00Z')),
      ),
    )
    .orderBy(desc(flights.delay), flights.id)
    .limit(5);
}

/** A join: the longest routes, with both airports by name and the first one's place on the map. */
export function longestRoutes(db: Tenant) {
  return db
    .select({ from: airports.name, at: airports.location, to: destination.name, miles: routes.distance })
    .from(routes)
    .innerJoin(airports, eq(airports.iata, routes.origin))
    .innerJoin(destination, eq(destination.iata, routes.destination))
    .orderBy(desc(routes.distance), routes.origin)
    .limit(5);
}

/** A relational query, three tables deep: Honolulu, its three longest routes, the first two flights of each. */
export function departuresBoard(db: Tenant) {
  return db.query.airports.findMany({
    columns: { iata: true, city: true, location: true },
    where: eq(airports.iata, 'HNL'),
    with: {
      departures: {
        columns: { distance: true },
        orderBy: [desc(routes.distance), routes.destination],
        limit: 3,
        with: {
          to: { columns: { iata: true, city: true } },
          schedule: {
            columns: { departsAt: true, delay: true, late: true },
            orderBy: [flights.departsAt, flights.id],
            limit: 2,
          },
        },
      },
    },
  });
}

/** Aggregates: where flights wait longest, among airports with at least 300 departures. */
export function slowestAirports(db: Tenant) {
  const averageDelay = avg(flights.delay).mapWith(Number);
  return db
    .select({
      iata: flights.origin,
      flights: count(),
      averageDelay,
      late: sql<number>`sum(${flights.late})`,
    })
    .from(flights)
    .groupBy(flights.origin)
    .having(gte(count(), 300))
    .orderBy(desc(averageDelay))
    .limit(5);
}

/** A timestamp column in an expression: departures by day of the week (0 is Sunday). */
export function byWeekday(db: Tenant) {
  const weekday = sql<number>`cast(strftime('%w', ${flights.departsAt}, 'unixepoch') as integer)`;
  return db
    .select({ weekday, flights: count(), late: sql<number>`sum(${flights.late})` })
    .from(flights)
    .groupBy(weekday)
    .orderBy(weekday);
}

/** The larger sample: delay by hour of the day. Empty until `npm start -- --full` has loaded it. */
export function byHour(db: Tenant) {
  const hour = sql<number>`${timings.minute} / 60`;
  return db
    .select({ hour, flights: count(), averageDelay: avg(timings.delay).mapWith(Number) })
    .from(timings)
    .groupBy(hour)
    .orderBy(hour);
}

/** A Parquet file in R2, three million rows, grouped without a copy of it: where flights wait longest, on average */
export function recordedDelays(db: Tenant) {
  const averageDelay = avg(recorded.delay).mapWith(Number);
  return db
    .select({ iata: recorded.origin, flights: count(), averageDelay })
    .from(recorded)
    .groupBy(recorded.origin)
    .having(gte(count(), 50_000))
    .orderBy(desc(averageDelay))
    .limit(5);
}

/** The same file joined with the tenant's own airports: who left more than a day late, and from where to where */
export function recordedRecords(db: Tenant) {
  return db
    .select({
      departsAt: recorded.date,
      delay: recorded.delay,
      from: airports.name,
      to: destination.name,
    })
    .from(recorded)
    .innerJoin(airports, eq(airports.iata, recorded.origin))
    .innerJoin(destination, eq(destination.iata, recorded.destination))
    .where(gt(recorded.delay, 1440))
    .orderBy(desc(recorded.delay), recorded.date);
}
