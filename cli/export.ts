import { once } from 'node:events';
import { renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Command, Option } from 'commander';
import type { Client } from '../src/client/connect.ts';
import { DosqlError } from '../src/errors/index.ts';
import { CONTENT_TYPES, FORMATS, type Format } from '../src/server/transfer/formats.ts';
import { clientOf, type RemoteOptions, remote } from './remote.ts';
import type { Output } from './run.ts';

interface ExportOptions extends RemoteOptions {
  out?: string;
  format: Format;
  table?: string[];
  consistency: string;
  tier: string;
}

interface Sink {
  write(chunk: Uint8Array): unknown;
  once?: unknown;
}

/** `dosql export <url>`: a dump into a file, which appears under its name when it is complete. */
export function exportCommand(output: Output): Command {
  return remote(new Command('export'))
    .description('write a database as SQL, or a table as NDJSON or CSV')
    .argument('<url>', 'address of the database')
    .option('-o, --out <file>', 'where to write (default: standard output)')
    .addOption(new Option('--format <format>').choices(FORMATS).default('sql'))
    .option(
      '--table <name>',
      'only this table; may be repeated with sql',
      (name: string, all: string[] = []) => [...all, name],
    )
    .addOption(
      new Option(
        '--consistency <kind>',
        'checked: fails when something is written meanwhile; held: everybody waits; page: neither',
      )
        .choices(['checked', 'held', 'page'])
        .default('checked'),
    )
    .addOption(
      new Option('--tier <tier>', 'hot: leave rows out that are archived outside of the object')
        .choices(['all', 'hot'])
        .default('all'),
    )
    .action(async (url: string, options: ExportOptions) => {
      const { out, format, table = [], consistency, tier } = options;
      const search = new URLSearchParams({ format, consistency, tier });
      for (const name of table) search.append('table', name);
      const part = `${out}.part`;
      // Before anything is asked for: an answer that nobody reads would keep the command waiting.
      const file = out === undefined ? undefined : await open(part, 'w');
      const sink = file ? { write: (chunk: Uint8Array) => file.appendFile(chunk) } : output.stdout;
      try {
        const bytes = await download(clientOf(url, options), search, format, sink as Sink);
        if (!file || out === undefined) return;
        await file.close();
        renameSync(part, out);
        const text = options.json ? JSON.stringify({ file: out, bytes }) : `${out}: ${bytes} bytes`;
        output.stdout.write(`${text}\n`);
      } catch (error) {
        await file?.close();
        if (file) rmSync(part, { force: true });
        throw error;
      }
    });
}

/** @throws CONNECTION_FAILED when the answer is no export, and as {@link write} */
async function download(
  client: Client,
  search: URLSearchParams,
  format: Format,
  sink: Sink,
): Promise<number> {
  const response = await client.request(`export?${search}`);
  const type = response.headers.get('content-type');
  // A page of some other server would be kept as a backup.
  if (!type?.startsWith(CONTENT_TYPES[format]))
    throw new DosqlError(
      'CONNECTION_FAILED',
      `The answer is ${type ?? 'of no type'}, no export: is this the address of a database?`,
    );
  return write(response, sink);
}

/** @throws DATABASE_CHANGED, CONNECTION_FAILED when the stream breaks off */
async function write(response: Response, sink: Sink): Promise<number> {
  let bytes = 0;
  let tail = '';
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      tail = (tail + new TextDecoder().decode(chunk)).slice(-300);
      if ((await sink.write(chunk)) === false && sink.once) await once(sink as never, 'drain');
    }
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const changed = /ROLLBACK; -- DATABASE_CHANGED: (.*)/.exec(tail);
    if (changed) throw new DosqlError('DATABASE_CHANGED', changed[1]!, { cause });
    throw new DosqlError(
      'CONNECTION_FAILED',
      'The export was cut off: the connection broke, or the database was written to meanwhile. Repeat it, or ask for --consistency held or page.',
      { cause },
    );
  }
  return bytes;
}
