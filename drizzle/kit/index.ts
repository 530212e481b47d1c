import { DosqlError } from '../../src/errors/index.ts';

export interface DosqlConfigOptions {
  /** The file or files of your Drizzle schema. */
  schema: string | string[];
  /** Folder of the migrations; default `./drizzle`. */
  out?: string;
  /** Where the object's handler listens, `https://app.example/databases/tenant-a`. Not needed for `generate`. */
  url?: string | undefined;
  /** A token with write access; for `pull` and for looking around in `studio`, read access will do. */
  token?: string | undefined;
  /** What drizzle-kit is to do; default: the command it was started with. */
  command?: string | undefined;
}

/** A configuration of drizzle-kit: to be passed to its `defineConfig` as it is, or with more settings spread in. */
export type DosqlConfig = { schema: string | string[]; out: string } & (
  | { dialect: 'turso'; dbCredentials: { url: string; authToken?: string } }
  | { dialect: 'sqlite'; dbCredentials: { url: string } }
  | { dialect: 'sqlite'; driver: 'durable-sqlite' }
);

/**
 * The configuration with which the unmodified drizzle-kit works on a live object. Which of its dialects is right depends
 * on the command: `generate` has to write SQLite's SQL and the `migrations.js` that the object itself applies; `migrate`
 * runs such files; `push`, `pull` and `studio` send what they do in one transaction only to a libSQL server.
 * @throws INVALID_ARGUMENT
 */
export function dosqlConfig({
  schema,
  out = './drizzle',
  url,
  token,
  command = (globalThis as { process?: { argv: string[] } }).process?.argv[2],
}: DosqlConfigOptions): DosqlConfig {
  const files = { schema, out };
  if (!/^(migrate|push|pull|introspect|studio)$/.test(command ?? ''))
    return { ...files, dialect: 'sqlite', driver: 'durable-sqlite' };
  const address = URL.parse(url ?? '');
  if (!address || !/^(https?|libsql):$/.test(address.protocol))
    throw new DosqlError(
      'INVALID_ARGUMENT',
      `dosqlConfig needs the url of the object's handler for ${command}.`,
    );
  // Clients resolve `v2/pipeline` against it: without the slash the last part of the path would be replaced.
  if (!address.pathname.endsWith('/')) address.pathname += '/';
  if (command === 'migrate') {
    // This dialect has no place for a token of its own.
    if (token) address.searchParams.set('authToken', token);
    return { ...files, dialect: 'sqlite', dbCredentials: { url: address.href } };
  }
  return {
    ...files,
    dialect: 'turso',
    dbCredentials: { url: address.href, ...(token && { authToken: token }) },
  };
}
