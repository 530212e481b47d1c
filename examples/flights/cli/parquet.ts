import { DuckDBInstance } from '@duckdb/node-api';
import { fileOf } from './files.ts';

/** The file of three million flights. */
export const parquetFile = fileOf('flights-3m.parquet');

/** What DuckDB, which knows nothing of this package, answers to the queries over the file. */
export interface Recorded {
  delays: { iata: string; flights: number; averageDelay: number }[];
  records: { departsAt: string; delay: number; from: string; to: string }[];
}

export async function askDuckDB(): Promise<Recorded> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const rows = async (sql: string) =>
    (await connection.runAndReadAll(sql)).getRowObjectsJS() as Record<string, never>[];
  try {
    const delays = await rows(`SELECT origin AS iata, count(*)::INT AS flights, avg(delay) AS "averageDelay"
      FROM '${parquetFile}' GROUP BY origin HAVING count(*) >= 50000 ORDER BY 3 DESC LIMIT 5`);
    const records =
      await rows(`SELECT r.date AS "departsAt", r.delay::INT AS delay, a.name AS "from", b.name AS "to"
      FROM '${parquetFile}' r JOIN '${fileOf('airports.csv')}' a ON a.iata = r.origin
      JOIN '${fileOf('airports.csv')}' b ON b.iata = r.destination WHERE r.delay > 1440 ORDER BY r.delay DESC, r.date`);
    return JSON.parse(JSON.stringify({ delays, records })) as Recorded;
  } finally {
    connection.closeSync();
  }
}
