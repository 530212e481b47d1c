import type { FlightRow } from '../src/load.ts';
import type { Data } from './data.ts';

/**
 * What each query must answer, computed from the raw data without any SQL; of the Parquet file, what DuckDB says. Keys
 * are the names of the queries.
 */
export const expected: Record<string, (data: Data) => unknown[]> = {
  lateDepartures: ({ flights }) =>
    flights
      .map((flight, index) => ({ id: index + 1, ...flight, late: flight.delay >= 15 }))
      .filter((flight) => flight.origin === 'ORD' && flight.late)
      .filter(({ departsAt }) => departsAt >= '2001-01-15' && departsAt < '2001-01-22')
      .sort((a, b) => b.delay - a.delay || a.id - b.id)
      .slice(0, 5)
      .map(({ distance: _, ...row }) => row),

  longestRoutes: (data) => {
    const airport = byIata(data);
    return routes(data.flights)
      .sort((a, b) => b.distance - a.distance || order(a.origin, b.origin))
      .slice(0, 5)
      .map(({ origin, destination, distance }) => {
        const { name, location } = airport.get(origin)!;
        return { from: name, at: location, to: airport.get(destination)!.name, miles: distance };
      });
  },

  departuresBoard: (data) => {
    const airport = byIata(data);
    const { iata, city, location } = airport.get('HNL')!;
    const departures = routes(data.flights)
      .filter(({ origin }) => origin === iata)
      .sort((a, b) => b.distance - a.distance || order(a.destination, b.destination))
      .slice(0, 3)
      .map(({ destination, distance, flights }) => ({
        distance,
        to: { iata: destination, city: airport.get(destination)!.city },
        schedule: flights
          .toSorted((a, b) => order(a.departsAt, b.departsAt))
          .slice(0, 2)
          .map(({ departsAt, delay }) => ({ departsAt, delay, late: delay >= 15 })),
      }));
    return [{ iata, city, location, departures }];
  },

  slowestAirports: ({ flights }) =>
    [...Map.groupBy(flights, (flight) => flight.origin)]
      .filter(([, all]) => all.length >= 300)
      .map(([iata, all]) => ({ iata, flights: all.length, averageDelay: averageDelay(all), late: late(all) }))
      .sort((a, b) => b.averageDelay - a.averageDelay)
      .slice(0, 5),

  byWeekday: ({ flights }) =>
    [...Map.groupBy(flights, ({ departsAt }) => new Date(departsAt).getUTCDay())]
      .map(([weekday, all]) => ({ weekday, flights: all.length, late: late(all) }))
      .sort((a, b) => a.weekday - b.weekday),

  byHour: ({ timings }) =>
    [...Map.groupBy(timings, ({ minute }) => Math.floor(minute / 60))]
      .map(([hour, all]) => ({ hour, flights: all.length, averageDelay: averageDelay(all) }))
      .sort((a, b) => a.hour - b.hour),

  recordedDelays: ({ recorded }) => recorded.delays,
  recordedRecords: ({ recorded }) => recorded.records,

  addFlight: ({ flights }) => {
    const { origin, destination, distance, flights: all } = routes(flights).find(isRoute('JFK', 'LAX'))!;
    return [{ origin, destination, distance, flights: all.length + 1 }];
  },

  changeOfMind: ({ flights }) => {
    const inside = flights.filter(({ origin }) => origin !== 'ATL').length;
    return [{ before: flights.length, inside, after: flights.length, error: 'Rollback' }];
  },

  closeJuneau: (data) => {
    const routesClosed = routes(data.flights).filter(({ origin }) => origin === 'JNU').length;
    return [{ airport: `${byIata(data).get('JNU')!.name} (closed)`, routesClosed, flightsLeft: 0 }];
  },

  archiveJanuary: (data) => {
    // Juneau's are gone by then.
    const flights = data.flights.filter(({ origin }) => origin !== 'JNU');
    const inFiles = flights.filter(({ departsAt }) => departsAt < '2001-02-01').length;
    const [slowest] = expected['slowestAirports']!(data) as { iata: string }[];
    return [{ inObject: flights.length - inFiles, inFiles, slowest: slowest!.iata }];
  },

  renameHonolulu: (data) => {
    const before = byIata(data).get('HNL')!.name;
    const now = 'Daniel K. Inouye International';
    const versions = [
      { name: before, current: false },
      { name: now, current: true },
    ];
    return [{ before, now, versions }];
  },
};

/** Rows of each table once everything is loaded. */
export function expectedRows({ airports, flights, timings }: Data): Record<string, number> {
  return {
    airports: airports.length,
    routes: routes(flights).length,
    flights: flights.length,
    timings: timings.length,
  };
}

function routes(flights: FlightRow[]) {
  return [...Map.groupBy(flights, ({ origin, destination }) => `${origin}-${destination}`).values()].map(
    (all) => {
      const { origin, destination, distance } = all[0]!;
      return { origin, destination, distance, flights: all };
    },
  );
}

const isRoute = (from: string, to: string) => (route: Pick<FlightRow, 'origin' | 'destination'>) =>
  route.origin === from && route.destination === to;
const byIata = ({ airports }: Data) => new Map(airports.map((airport) => [airport.iata, airport]));
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const averageDelay = (rows: { delay: number }[]) =>
  rows.reduce((sum, { delay }) => sum + delay, 0) / rows.length;
const late = (rows: { delay: number }[]) => rows.filter(({ delay }) => delay >= 15).length;
