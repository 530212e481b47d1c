import { Command } from 'commander';
import { DosqlError, isDosqlError } from '../src/errors/index.ts';
import type { AppliedMigration } from '../src/server/migrate.ts';
import { readMigrations } from './migrations.ts';
import { clientOf, jsonOf, remote, shown } from './remote.ts';
import type { Output } from './run.ts';
import { type TargetOptions, targets } from './targets.ts';

interface StatusOptions extends TargetOptions {
  migrations?: string;
}

interface Status {
  readonly url: string;
  readonly applied?: readonly AppliedMigration[];
  /** Migrations of the folder that are not in place. */
  readonly pending?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** `dosql status <urls>`: which migrations are in place, and which of a folder are not. */
export function statusCommand(output: Output): Command {
  return remote(new Command('status'))
    .description('show which migrations databases have')
    .argument('[urls...]', 'addresses of databases')
    .option('--migrations <folder>', 'also show which of these are pending')
    .option('--from <file>', 'more addresses, one per line; `-` reads standard input')
    .option('--fleet <url>', 'more addresses, from an endpoint of yours')
    .action(async (urls: string[], options: StatusOptions) => {
      const wanted = options.migrations === undefined ? undefined : await readMigrations(options.migrations);
      const found: Status[] = [];
      for (const url of await targets(urls, options))
        found.push(
          await statusOf(
            url,
            wanted?.map(({ id }) => id),
            options,
          ),
        );
      if (options.json) output.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
      else for (const status of found) output.stdout.write(`${line(status)}\n`);
      const failed = found.filter(({ error }) => error).length;
      if (failed > 0)
        throw new DosqlError('CONNECTION_FAILED', `${failed} of ${found.length} databases did not tell.`);
    });
}

async function statusOf(
  url: string,
  wanted: readonly string[] | undefined,
  options: StatusOptions,
): Promise<Status> {
  try {
    const { applied } = await jsonOf<{ applied: AppliedMigration[] }>(
      clientOf(url, options),
      'migrate',
      'applied',
    );
    const names = new Set(applied.map(({ name }) => name));
    return { url: shown(url), applied, ...(wanted && { pending: wanted.filter((id) => !names.has(id)) }) };
  } catch (error) {
    if (!isDosqlError(error)) throw error;
    return { url: shown(url), error: { code: error.code, message: error.message } };
  }
}

function line({ url, applied, pending, error }: Status): string {
  if (error) return `${url}: ${error.code}: ${error.message}`;
  const last = applied!.at(-1);
  const newest = last ? `, the last is ${last.name ?? last.hash.slice(0, 12)}` : '';
  const missing = pending
    ? `; ${pending.length} pending${pending.length ? `: ${pending.join(', ')}` : ''}`
    : '';
  return `${url}: ${applied!.length} applied${newest}${missing}`;
}
