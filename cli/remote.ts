import type { Command } from 'commander';
import { type Client, connect } from '../src/client/connect.ts';

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
  return token ?? (process.env['DOSQL_TOKEN'] || undefined);
}

export function clientOf(url: string, options: RemoteOptions): Client {
  const token = tokenOf(options);
  return connect(url, { integers: 'bigint', ...(token && { token }) });
}

/** An address as it may be shown: without user, password, query and fragment, which can hold a token. */
export function shown(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/@]*@/, '$1').replace(/[?#].*$/, '');
}
