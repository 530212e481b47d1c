import { readFileSync } from 'node:fs';
import { connect } from '../src/client/connect.ts';
import { DosqlError } from '../src/errors/index.ts';
import { jsonOf, type RemoteOptions, shown, tokenOf } from './remote.ts';

export interface TargetOptions extends RemoteOptions {
  from?: string;
  fleet?: string;
}

/**
 * The databases that a command is about: those named, those in a file or on standard input (`-`), one per line, and those
 * that a fleet endpoint names: a JSON array of addresses, or `{ databases, next }` with the address of the next page.
 * @throws INVALID_ARGUMENT, CONNECTION_FAILED
 */
export async function targets(named: readonly string[], options: TargetOptions): Promise<string[]> {
  const found = [...named];
  if (options.from !== undefined) {
    const text = readFileSync(options.from === '-' ? 0 : options.from, 'utf8');
    found.push(
      ...text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line && !line.startsWith('#')),
    );
  }
  for (let page = options.fleet; page; ) {
    const { databases, next } = await readPage(page, options);
    for (const database of databases) found.push(new URL(database, page).href);
    page = next && new URL(next, page).href;
  }
  for (const url of found) {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
      throw new DosqlError('INVALID_ARGUMENT', `Not an http address: ${shown(url)}`);
  }
  if (found.length === 0)
    throw new DosqlError('INVALID_ARGUMENT', 'Name a database, or give --from or --fleet.');
  return [...new Set(found)];
}

async function readPage(
  page: string,
  options: RemoteOptions,
): Promise<{ databases: string[]; next?: string }> {
  const { origin, pathname, search } = new URL(page);
  const token = tokenOf(options);
  const answer = await jsonOf(connect(origin, token ? { token } : {}), pathname.slice(1) + search, undefined);
  const found = (Array.isArray(answer) ? { databases: answer } : answer) as {
    databases: string[];
    next?: string;
  };
  if (Array.isArray(found?.databases) && found.databases.every((database) => typeof database === 'string'))
    return found;
  throw new DosqlError('INVALID_ARGUMENT', `${shown(page)} does not answer with addresses.`);
}
