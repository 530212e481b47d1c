import { isDeepStrictEqual } from 'node:util';
import { createClient } from '@libsql/client/web';
import { count, desc } from 'drizzle-orm';
import { drizzle } from '../../../drizzle/client.ts';
import { connect } from '../../../src/client/index.ts';
import * as schema from '../src/schema.ts';
import { dim, heading, rowsTable, verdict } from './print.ts';

/** Uses a tenant's database from outside of its object: through Drizzle over a client, and with a libSQL client. */
export async function outside(url: string, token: string): Promise<boolean[]> {
  const { flights } = schema;
  heading('From outside, with a token for this tenant');
  const client = connect(url, { token });
  const db = drizzle(client, { schema });
  const busiest = await db
    .select({ origin: flights.origin, flights: count() })
    .from(flights)
    .groupBy(flights.origin)
    .orderBy(desc(count()), flights.origin)
    .limit(3);
  console.log(dim('  Drizzle over connect(url, { token })'));
  console.log(rowsTable(busiest));

  const libsql = createClient({ url, authToken: token, intMode: 'number' });
  const { rows } = await libsql.execute(
    'SELECT origin, count(*) AS flights FROM flights GROUP BY origin ORDER BY 2 DESC, 1 LIMIT 3',
  );
  libsql.close();
  const same = isDeepStrictEqual(
    rows.map(({ origin, flights }) => ({ origin, flights })),
    busiest,
  );
  verdict(same, '@libsql/client over Hrana reads the same rows');

  const refused = await client.query('DROP TABLE flights', []).then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );
  verdict(refused === 'READ_ONLY', `DROP TABLE with a token that may read: ${refused}`);
  return [same, refused === 'READ_ONLY'];
}
