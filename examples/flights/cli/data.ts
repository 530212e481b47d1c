import { readFileSync } from 'node:fs';

/** The files of the vega-datasets package (BSD-3-Clause), as the loaders of the Worker take them. */
const folder = new URL('../data/', import.meta.resolve('vega-datasets'));
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');

export interface Airport {
  iata: string;
  name: string;
  city: string | null;
  state: string | null;
  country: string;
  location: { latitude: number; longitude: number };
}

export interface Flight {
  origin: string;
  destination: string;
  departsAt: string;
  delay: number;
  distance: number;
}

export interface Timing {
  minute: number;
  delay: number;
  distance: number;
}

export interface Data {
  airports: Airport[];
  flights: Flight[];
  timings: Timing[];
}

/** Airports and 20,000 flights of early 2001; with `full`, 200,000 more that know no airports. */
export function readData(full: boolean): Data {
  return { airports: airports(), flights: flights(), timings: full ? timings() : [] };
}

function airports(): Airport[] {
  const [, ...lines] = read('airports.csv').trim().split(/\r?\n/);
  return lines.map((line) => {
    const cells = [...line.matchAll(/(?:"([^"]*)"|([^,]*))(?:,|$)/g)].map((cell) => cell[1] ?? cell[2] ?? '');
    const [iata, name, city, state, country, latitude, longitude] = cells as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    return {
      iata,
      name,
      city: known(city),
      state: known(state),
      country,
      location: { latitude: Number(latitude), longitude: Number(longitude) },
    };
  });
}

/** The file says NA for what it does not know. */
const known = (text: string) => (text === 'NA' ? null : text);

function flights(): Flight[] {
  const rows = JSON.parse(read('flights-20k.json')) as (Omit<Flight, 'departsAt'> & { date: string })[];
  // '2001/01/31 23:59': local to the airport, without a zone; kept as if it were UTC.
  return rows.map(({ date, ...row }) => ({
    ...row,
    departsAt: `${date.replaceAll('/', '-').replace(' ', 'T')}:00.000Z`,
  }));
}

function timings(): Timing[] {
  const rows = JSON.parse(read('flights-200k.json')) as { time: number; delay: number; distance: number }[];
  return rows.map(({ time, delay, distance }) => ({ minute: Math.round(time * 60), delay, distance }));
}
