import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Client } from '../src/client/connect.ts';
import { isDosqlError } from '../src/errors/index.ts';
import { FORMATS } from '../src/server/transfer/formats.ts';
import type { ImportState } from '../src/server/transfer/ledger.ts';
import { progress } from './progress.ts';
import { clientOf, jsonOf, type RemoteOptions, remote } from './remote.ts';
import { retried } from './retry.ts';
import type { Output } from './run.ts';

/** Bytes of one request. */
const SLICE = 4_000_000;

interface ImportOptions extends RemoteOptions {
  format?: string;
  table?: string;
  id?: string;
}

/** `dosql import <url> <file>`: sends a file in parts. Run again, it goes on where it stopped; nothing is loaded twice. */
export function importCommand(output: Output): Command {
  return remote(new Command('import'))
    .description('load a dump, or rows into a table; run it again to go on after a failure')
    .argument('<url>', 'address of the database')
    .argument('<file>', 'a SQL dump, NDJSON or CSV')
    .addOption(new Option('--format <format>', 'default: by the name of the file').choices(FORMATS))
    .option('--table <name>', 'where rows go (default: the name of the file)')
    .option('--id <id>', 'names the import; default: the hash of the file')
    .action(async (url: string, file: string, options: ImportOptions) => {
      const [, base, ending] = /([^/\\]*?)\.(sql|ndjson|jsonl|csv)$/.exec(file) ?? [];
      const format = options.format ?? (ending === 'jsonl' ? 'ndjson' : ending);
      if (!format)
        throw new InvalidArgumentError('The name of the file does not tell its format: give --format.');
      const table = format === 'sql' ? undefined : (options.table ?? base);
      const id = options.id ?? (await hashOf(file));
      const search = new URLSearchParams({ id, format, ...(table && { table }) });
      const handle = await open(file);
      try {
        const { size } = await handle.stat();
        const state = await send(clientOf(url, options), handle, size, search, output);
        output.stdout.write(
          options.json
            ? `${JSON.stringify(state)}\n`
            : `${file}: ${state.units} ${format === 'sql' ? 'statements' : 'lines'}, import ${id}\n`,
        );
      } finally {
        await handle.close();
      }
    });
}

async function send(
  client: Client,
  file: FileHandle,
  size: number,
  search: URLSearchParams,
  output: Output,
): Promise<ImportState> {
  const id = new URLSearchParams({ id: search.get('id')! });
  let state = await retried(() => known(client, id));
  const bar = progress(output, size, '{value}/{total} bytes');
  let slice = SLICE;
  try {
    while (!state?.done) {
      const offset: number = state?.offset ?? 0;
      const length = Math.min(slice, size - offset);
      const body = Buffer.alloc(length);
      await file.read(body, 0, length, offset);
      const query = new URLSearchParams([...search, ['offset', `${offset}`]]);
      if (offset + length < size) query.set('more', '1');
      const next = await retried(() =>
        jsonOf<ImportState>(client, `import?${query}`, 'offset', { method: 'POST', body }),
      );
      // A part that holds no whole statement moves nothing.
      slice = next.offset === offset && !next.done ? slice * 2 : SLICE;
      state = next;
      bar.at(state.offset);
    }
    return state;
  } finally {
    bar.stop();
  }
}

/** How far the server is; undefined when it has not begun. */
async function known(client: Client, id: URLSearchParams): Promise<ImportState | undefined> {
  try {
    return await jsonOf<ImportState>(client, `import?${id}`, 'offset');
  } catch (error) {
    if (isDosqlError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex').slice(0, 32);
}
