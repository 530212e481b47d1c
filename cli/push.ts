import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { DosqlError } from '../src/errors/index.ts';
import { kitPath, loadConfig, loadModule } from './kit.ts';
import { type Plan, planPush } from './plan.ts';
import { clientOf, type RemoteOptions, remote } from './remote.ts';
import type { Output } from './run.ts';

interface PushOptions extends RemoteOptions {
  schema?: string[];
  config?: string;
  yes?: boolean;
  dryRun?: boolean;
}

/** `dosql push [url]`: makes a database equal to a Drizzle schema, all of it or nothing. */
export function pushCommand(output: Output): Command {
  return remote(new Command('push'))
    .description('change a database to what the Drizzle schema says')
    .argument('[url]', 'address of the database (default: that of drizzle.config.ts)')
    .option('--schema <files...>', 'modules with the tables (default: those of drizzle.config.ts)')
    .option('--config <file>', 'the drizzle.config to read')
    .option('--yes', 'do not ask, even where data goes')
    .option('--dry-run', 'show the plan and change nothing')
    .action(async (address: string | undefined, options: PushOptions) => {
      kitPath('drizzle-kit/api');
      const config = address && options.schema && !options.config ? {} : await loadConfig(options.config);
      const url = address ?? config.dbCredentials?.url;
      const files = options.schema ?? [config.schema ?? []].flat();
      if (!url || files.length === 0)
        throw new DosqlError(
          'INVALID_ARGUMENT',
          'Give the address and --schema, or a drizzle.config.ts that has both.',
        );
      const configured = config.dbCredentials?.authToken;
      const client = clientOf(url, {
        ...(configured && !process.env['DOSQL_TOKEN'] && { token: configured }),
        ...options,
      });
      const schema = Object.assign({}, ...(await Promise.all(files.map(loadModule)))) as Record<
        string,
        unknown
      >;
      const plan = await planPush(client, schema);
      const changes = plan.statements.length > 0;
      if (!options.json) show(plan, output);
      const apply = changes && !options.dryRun && (await agreed(plan, options, output));
      if (apply) {
        const body = JSON.stringify({ statements: plan.statements });
        await client.request('migrate', { method: 'POST', body });
      }
      if (options.json) output.stdout.write(`${JSON.stringify({ ...plan, applied: apply }, undefined, 2)}\n`);
      else if (apply) output.stdout.write('applied\n');
    });
}

function show({ statements, warnings }: Plan, output: Output): void {
  if (statements.length === 0) output.stdout.write('no changes\n');
  for (const text of statements) output.stdout.write(`${text};\n`);
  for (const text of warnings) output.stderr.write(`warning: ${text}\n`);
}

/** @throws INVALID_ARGUMENT where nobody can be asked, or the answer was no */
async function agreed({ losesData, warnings }: Plan, { yes }: PushOptions, output: Output): Promise<boolean> {
  if (yes || !losesData) return true;
  const what = `This loses data: ${warnings.join('; ')}`;
  if (!process.stdin.isTTY)
    throw new DosqlError('INVALID_ARGUMENT', `${what}. Nothing was changed; say --yes to do it.`);
  const prompt = createInterface({ input: process.stdin, output: output.stderr as NodeJS.WriteStream });
  const answer = await prompt.question(`${what}. Go on? (yes/no) `);
  prompt.close();
  if (answer.trim() === 'yes') return true;
  throw new DosqlError('INVALID_ARGUMENT', 'Nothing was changed.');
}
