import { isDeepStrictEqual } from 'node:util';
import type { Client } from './client.ts';
import type { Data } from './data.ts';
import { expected } from './expected.ts';
import { costs, dim, heading, indent, rowsTable, sqlText, verdict } from './print.ts';
import { sourceOf } from './source.ts';

const QUERIES = [
  'lateDepartures',
  'longestRoutes',
  'departuresBoard',
  'slowestAirports',
  'byWeekday',
  'recordedDelays',
  'recordedRecords',
];
const CHANGES = ['addFlight', 'changeOfMind', 'closeJuneau', 'renameHonolulu', 'archiveJanuary'];

/** Runs and prints every step. Returns whether each one answered what the raw data says. */
export async function tour(client: Client, data: Data): Promise<boolean[]> {
  const held: boolean[] = [];
  const queries = data.timings.length > 0 ? [...QUERIES, 'byHour'] : QUERIES;
  for (const name of queries) held.push(await step(held.length + 1, name, 'queries', client, data));
  for (const name of CHANGES) held.push(await step(held.length + 1, name, 'changes', client, data));
  return held;
}

async function step(
  number: number,
  name: string,
  group: 'queries' | 'changes',
  client: Client,
  data: Data,
): Promise<boolean> {
  const { title, code } = sourceOf(group, name);
  const call =
    group === 'queries'
      ? client.get<unknown[]>(`queries/${name}`)
      : client.post<unknown[]>(`changes/${name}`);
  const { result, statements, ms } = await call;
  const wanted = expected[name]!(data);
  const ok = isDeepStrictEqual(result, wanted);
  heading(`${number}. ${title}`);
  console.log(dim(indent(code)));
  console.log(sqlText(statements));
  console.log(rowsTable(result));
  console.log(dim(costs(statements, ms)));
  verdict(ok, ok ? 'equals what the raw data says' : `the raw data says ${JSON.stringify(wanted)}`);
  return ok;
}
