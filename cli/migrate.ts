import { createHash } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { DosqlError, isDosqlError } from '../src/errors/index.ts';
import type { Migration, MigrationReport } from '../src/migration/types.ts';
import { readMigrations } from './migrations.ts';
import { progress } from './progress.ts';
import { clientOf, jsonOf, remote, shown } from './remote.ts';
import { retried } from './retry.ts';
import type { Output } from './run.ts';
import { StateFile } from './state-file.ts';
import { type TargetOptions, targets } from './targets.ts';

interface MigrateOptions extends TargetOptions {
  concurrency: number;
  state?: string;
}

/** What became of one database. */
interface Outcome {
  readonly url: string;
  /** `skipped`: the state file says that an earlier run was there. */
  readonly status: 'migrated' | 'up to date' | 'skipped' | 'failed';
  readonly applied?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** `dosql migrate <folder> [urls]`: the same migrations for one database or a fleet of them, each exactly once. */
export function migrateCommand(output: Output): Command {
  return remote(new Command('migrate'))
    .description('apply pending migrations to one database or to many')
    .argument('<folder>', 'folder of migrations')
    .argument('[urls...]', 'addresses of databases')
    .option('--from <file>', 'more addresses, one per line; `-` reads standard input')
    .option('--fleet <url>', 'more addresses, from an endpoint of yours')
    .option('--concurrency <n>', 'databases at a time', positive, 8)
    .option('--state <file>', 'keeps who is done, so that the next run only asks the others')
    .action(async (folder: string, urls: string[], options: MigrateOptions) => {
      const migrations = await readMigrations(folder);
      const goal = createHash('sha256').update(JSON.stringify(migrations)).digest('hex');
      const outcomes = await migrateAll(await targets(urls, options), migrations, goal, options, output);
      report(outcomes, options, output);
      const failed = outcomes.filter(({ status }) => status === 'failed').length;
      if (failed > 0)
        throw new DosqlError(
          'MIGRATION_FAILED',
          `${failed} of ${outcomes.length} databases failed. Run it again when the cause is mended: the others are left alone.`,
        );
    });
}

async function migrateAll(
  urls: readonly string[],
  migrations: readonly Migration[],
  goal: string,
  options: MigrateOptions,
  output: Output,
): Promise<Outcome[]> {
  const state = new StateFile(options.state, goal);
  const bar = progress(output, urls.length, '{value}/{total} databases');
  const outcomes: Outcome[] = new Array(urls.length);
  let next = 0;
  let done = 0;
  const worker = async () => {
    for (let at = next++; at < urls.length; at = next++) {
      const url = urls[at]!;
      const outcome: Outcome = state.has(url)
        ? { url: shown(url), status: 'skipped' }
        : await migrateOne(url, migrations, options);
      // Behind the answer: a run that is killed here asks again, and the ledger there says that nothing is pending.
      if (/^(migrated|up)/.test(outcome.status)) state.add(url);
      outcomes[at] = outcome;
      bar.at(++done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.concurrency, urls.length) }, worker));
  bar.stop();
  return outcomes;
}

async function migrateOne(
  url: string,
  migrations: readonly Migration[],
  options: MigrateOptions,
): Promise<Outcome> {
  try {
    const body = JSON.stringify({ migrations });
    const { applied } = await retried(() =>
      jsonOf<MigrationReport>(clientOf(url, options), 'migrate', 'applied', { method: 'POST', body }),
    );
    return { url: shown(url), status: applied.length > 0 ? 'migrated' : 'up to date', applied };
  } catch (error) {
    if (!isDosqlError(error)) throw error;
    return { url: shown(url), status: 'failed', error: { code: error.code, message: error.message } };
  }
}

function report(outcomes: readonly Outcome[], { json }: MigrateOptions, output: Output): void {
  const count = (status: Outcome['status']) => outcomes.filter((outcome) => outcome.status === status).length;
  const counts = {
    migrated: count('migrated'),
    upToDate: count('up to date'),
    skipped: count('skipped'),
    failed: count('failed'),
  };
  if (json) {
    output.stdout.write(`${JSON.stringify({ ...counts, databases: outcomes }, undefined, 2)}\n`);
    return;
  }
  for (const { url, status, applied, error } of outcomes) {
    if (status === 'failed') output.stdout.write(`${url}: ${error!.code}: ${error!.message}\n`);
    else if (status === 'migrated') output.stdout.write(`${url}: applied ${applied!.join(', ')}\n`);
  }
  const { migrated, upToDate, skipped, failed } = counts;
  output.stdout.write(`${migrated} migrated, ${upToDate} up to date, ${skipped} skipped, ${failed} failed\n`);
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 9999.');
  return Number(text);
}
