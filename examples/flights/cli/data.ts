import { readFileSync } from 'node:fs';
import type { AirportRow, FlightRow, TimingRow } from '../src/load.ts';
import { fileOf } from './files.ts';
import { askDuckDB, type Recorded } from './parquet.ts';

const read = (file: string) => readFileSync(fileOf(file), 'utf8');

export interface Data {
  airports: AirportRow[];
  flights: FlightRow[];
  timings: TimingRow[];
  /** The answers to queries over the Parquet file. */
  recorded: Recorded;
}

/** Airports and 20,000 flights of early 2001; with `full`, 200,000 more that know no airports. */
export async function readData(full: boolean): Promise<Data> {
  return {
    airports: airports(),
    flights: flights(),
    timings: full ? timings() : [],
    recorded: await askDuckDB(),
  };
}

function airports(): AirportRow[] {
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

function flights(): FlightRow[] {
  const rows = JSON.parse(read('flights-20k.json')) as (Omit<FlightRow, 'departsAt'> & { date: string })[];
  // '2001/01/31 23:59': local to the airport, without a zone; kept as if it were UTC.
  return rows.map(({ date, ...row }) => ({
    ...row,
    departsAt: `${date.replaceAll('/', '-').replace(' ', 'T')}:00.000Z`,
  }));
}

function timings(): TimingRow[] {
  const rows = JSON.parse(read('flights-200k.json')) as { time: number; delay: number; distance: number }[];
  return rows.map(({ time, delay, distance }) => ({ minute: Math.round(time * 60), delay, distance }));
}
