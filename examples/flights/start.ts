/**
 * Boots the Worker on local workerd, loads real data through Drizzle, and shows what it can do.
 * `--once` exits after the tour (status 0 only if every check held), `--full` loads 200,000 rows more, `--port N`.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { issueToken } from '../../src/server/token.ts';
import { Client } from './cli/client.ts';
import { readData } from './cli/data.ts';
import { expectedRows } from './cli/expected.ts';
import { load, upload } from './cli/load.ts';
import { outside } from './cli/outside.ts';
import { parquetFile } from './cli/parquet.ts';
import { bold, costs, heading, verdict } from './cli/print.ts';
import { boot, type Runtime } from './cli/runtime.ts';
import { tour } from './cli/tour.ts';
import { migrations } from './src/migrations.ts';

interface Stats {
  rows: Record<string, number>;
  migrations: string[];
}

const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    port: { type: 'string', default: '0' },
  },
});

let runtime: Promise<Runtime> | undefined;

async function exit(code: number): Promise<never> {
  // A runtime that is still booting must be waited for: it has child processes already.
  await runtime?.then(
    ({ stop }) => stop(),
    () => {},
  );
  process.exit(code);
}

process.once('SIGINT', () => void exit(130));
process.once('SIGTERM', () => void exit(143));

async function main(): Promise<void> {
  const data = await readData(options.full);
  runtime = boot(Number(options.port));
  const { url, versions, secret } = await runtime;
  console.log(
    `Node ${process.versions.node}, wrangler ${versions.wrangler}, workerd ${versions.workerd}: ${url}`,
  );
  const acme = new Client(url, 'acme');
  const held: boolean[] = [];
  const check = (ok: boolean, text: string) => {
    held.push(ok);
    verdict(ok, text);
  };

  heading('The first request migrates the tenant');
  const first = await acme.get<Stats>('stats');
  const ids = migrations.map(({ id }) => id);
  for (const name of first.result.migrations) console.log(`  ${name}`);
  check(
    isDeepStrictEqual(first.result.migrations, ids),
    `${ids.length} migrations applied, ${first.ms.toFixed(0)} ms`,
  );

  heading('Loading through Drizzle');
  await load(acme, data);
  await upload(url, parquetFile);
  const { result, statements, ms } = await acme.get<Stats>('stats');
  check(
    isDeepStrictEqual(result.rows, expectedRows(data)),
    `${JSON.stringify(result.rows)}; ${costs(statements, ms)}`,
  );

  held.push(...(await tour(acme, data)));

  const server = `${acme.base}db/`;
  held.push(...(await outside(server, await issueToken(secret, { database: 'acme', access: 'read' }))));

  heading('Another tenant is another database');
  const other = await new Client(url, 'globex').get<Stats>('stats');
  check(
    Object.values(other.result.rows).every((count) => count === 0),
    `globex ${JSON.stringify(other.result.rows)}`,
  );

  const failed = held.filter((ok) => !ok).length;
  console.log(bold(`\n${held.length - failed} of ${held.length} checks held`));
  if (options.once) await exit(failed === 0 ? 0 : 1);
  heading('Serving. Stop with Ctrl-C.');
  console.log(`  curl ${acme.base}stats`);
  console.log(`  curl ${acme.base}queries/departuresBoard`);
  console.log(`  curl ${acme.base}history/airports/HNL`);
  console.log(`  curl -N ${acme.base}live/routes/JFK`);
  console.log(`  curl -X POST ${acme.base}changes/addFlight`);
  const token = await issueToken(secret, { database: 'acme', access: 'write', expiresIn: 24 * 3600 });
  console.log(bold("\nacme's database from outside, for a day"));
  console.log(`  DOSQL_URL=${server}\n  DOSQL_TOKEN=${token}`);
  console.log(
    `  curl -X POST ${url}globex/load/airports --data '[{"iata":"XYZ","name":"New","country":"USA","location":{"latitude":1,"longitude":2}}]'`,
  );
}

main().catch((error: unknown) => {
  console.error(error);
  void exit(1);
});
