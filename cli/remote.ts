import type { Command } from 'commander';
import { type Client, checkToken, connect } from '../src/client/connect.ts';
import { DosqlError } from '../src/errors/index.ts';

/** Options of every command that talks to a database. */
export interface RemoteOptions {
  token?: string;
  json?: boolean;
}

/** Adds the options of a command that talks to a database. */
export function remote(command: Command): Command {
  return command
    .option('--token <token>', 'what the server asks for (default: the environment variable DOSQL_TOKEN)')
    .option('--json', 'write one JSON document instead of text');
}

/** The token is read here and nowhere else, and never written. */
export function tokenOf({ token }: RemoteOptions): string | undefined {
  return checkToken(token ?? (process.env['DOSQL_TOKEN'] || undefined));
}

export function clientOf(url: string, options: RemoteOptions): Client {
  const token = tokenOf(options);
  return connect(url, { integers: 'bigint', ...(token && { token }) });
}

/** The JSON that a route answers with, an object with `key` in it where one is named. @throws CONNECTION_FAILED when it was cut off, or is from somebody else */
export async function jsonOf<T>(
  client: Client,
  path: string,
  key: string | undefined,
  init?: Parameters<Client['request']>[1],
): Promise<T> {
  const response = await client.request(path, init);
  let cause: unknown;
  try {
    const value: unknown = await response.json();
    if (typeof value === 'object' && value !== null && (key === undefined || key in value)) return value as T;
  } catch (error) {
    cause = error;
  }
  throw new DosqlError(
    'CONNECTION_FAILED',
    'The answer was cut off, or is not that of a DoSQL server: is the address right?',
    { cause },
  );
}

/** An address as it may be shown: without user, password, query and fragment, which can hold a token. */
export function shown(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1').replace(/[?#].*$/, '');
}
