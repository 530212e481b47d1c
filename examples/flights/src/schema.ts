import { relations, sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export interface Location {
  latitude: number;
  longitude: number;
}

export const airports = sqliteTable(
  'airports',
  {
    iata: text().primaryKey(),
    name: text().notNull(),
    city: text(),
    state: text(),
    country: text().notNull(),
    location: text({ mode: 'json' }).$type<Location>().notNull(),
  },
  (table) => [index('airports_state_city').on(table.state, table.city)],
);

/** A pair of airports with flights between them. The distance is in miles. */
export const routes = sqliteTable(
  'routes',
  {
    origin: text()
      .notNull()
      .references(() => airports.iata),
    destination: text()
      .notNull()
      .references(() => airports.iata),
    distance: integer().notNull(),
    flights: integer().notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.origin, table.destination] }),
    index('routes_destination').on(table.destination),
    check('routes_distance_positive', sql`${table.distance} > 0`),
  ],
);

/** One departure. `delay` is in minutes, negative when early; `late` means 15 minutes or more. */
export const flights = sqliteTable(
  'flights',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    origin: text().notNull(),
    destination: text().notNull(),
    departsAt: integer('departs_at', { mode: 'timestamp' }).notNull(),
    delay: integer().notNull(),
    late: integer({ mode: 'boolean' }).notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.origin, table.destination],
      foreignColumns: [routes.origin, routes.destination],
    }).onDelete('cascade'),
    index('flights_route').on(table.origin, table.destination, table.departsAt),
    index('flights_departures').on(table.origin, table.departsAt),
  ],
);

/** The larger sample, without airports: minute of the day (0 to 1439), delay in minutes, distance in miles. */
export const timings = sqliteTable('timings', {
  id: integer().primaryKey({ autoIncrement: true }),
  minute: integer().notNull(),
  delay: integer().notNull(),
  distance: integer().notNull(),
});

export const airportRelations = relations(airports, ({ many }) => ({
  departures: many(routes, { relationName: 'origin' }),
  arrivals: many(routes, { relationName: 'destination' }),
}));

export const routeRelations = relations(routes, ({ one, many }) => ({
  from: one(airports, { fields: [routes.origin], references: [airports.iata], relationName: 'origin' }),
  to: one(airports, {
    fields: [routes.destination],
    references: [airports.iata],
    relationName: 'destination',
  }),
  schedule: many(flights),
}));

export const flightRelations = relations(flights, ({ one }) => ({
  route: one(routes, {
    fields: [flights.origin, flights.destination],
    references: [routes.origin, routes.destination],
  }),
}));
