import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import type { Client } from './client.ts';
import type { Data } from './data.ts';

const BATCH = 1000;

/** Sends every table in batches, each stored by one Drizzle insert, and shows how far it is. */
export async function load(client: Client, data: Data): Promise<void> {
  for (const table of ['airports', 'flights', 'timings'] as const) {
    const rows = data[table];
    if (rows.length > 0) await loadTable(client, table, rows);
  }
}

async function loadTable(client: Client, table: string, rows: readonly object[]): Promise<void> {
  const start = performance.now();
  const bar = new SingleBar(
    { format: `${table.padEnd(9)} {bar} {value}/{total}`, clearOnComplete: true },
    Presets.shades_classic,
  );
  bar.start(rows.length, 0);
  try {
    for (let done = 0; done < rows.length; done += BATCH) {
      await client.post(`load/${table}`, rows.slice(done, done + BATCH));
      bar.update(Math.min(done + BATCH, rows.length));
    }
  } finally {
    bar.stop();
  }
  const seconds = (performance.now() - start) / 1000;
  const rate = Math.round(rows.length / seconds).toLocaleString('en');
  console.log(
    `  ${table.padEnd(9)} ${rows.length.toLocaleString('en').padStart(8)} rows in ${seconds.toFixed(1)} s (${rate} a second)`,
  );
}

/** Puts a file into R2. */
export async function upload(url: URL, file: string): Promise<void> {
  const name = basename(file);
  const body = readFileSync(file);
  const { status } = await fetch(new URL(`/files/${name}`, url), { method: 'PUT', body });
  if (status !== 201) throw new Error(`PUT /files/${name}: ${status}`);
  console.log(`  ${name}: ${(body.length / 1e6).toFixed(1)} MB into R2`);
}
