import { Command, CommanderError, InvalidArgumentError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { isDosqlError } from '../src/errors/index.ts';
import { bundleCommand } from './bundle.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { migrateCommand } from './migrate.ts';
import { pullCommand } from './pull.ts';
import { pushCommand } from './push.ts';
import { queryCommand } from './query.ts';
import { statusCommand } from './status.ts';

/** Where a command writes: results to `stdout`, everything else to `stderr`. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const COMMANDS = [
  bundleCommand,
  pushCommand,
  pullCommand,
  migrateCommand,
  statusCommand,
  queryCommand,
  exportCommand,
  importCommand,
];

/** Runs the `dosql` command. Resolves with its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function run(args: readonly string[], output: Output): Promise<number> {
  const program = new Command('dosql')
    .description('Tools for DoSQL databases in Durable Objects')
    .version(manifest.version)
    .configureOutput({
      writeOut: (text) => output.stdout.write(text),
      writeErr: (text) => output.stderr.write(text),
    })
    // Inherited by the commands added behind them.
    .exitOverride()
    .showHelpAfterError('(run with --help for usage)');
  let wrote = false;
  const watched: Output = {
    stderr: output.stderr,
    stdout: Object.create(output.stdout as object, {
      write: {
        value: (text: string) => {
          wrote = true;
          return output.stdout.write(text);
        },
      },
    }),
  };
  for (const make of COMMANDS) program.addCommand(make(watched).copyInheritedSettings(program));
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Only of what it finds wrong itself commander has told.
    if (error instanceof InvalidArgumentError) output.stderr.write(`error: ${error.message}\n`);
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    // A script reads why from where it would read the result.
    if (args.includes('--json') && !wrote && isDosqlError(error))
      output.stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    output.stderr.write(`dosql: ${describe(error)}\n`);
    return 1;
  }
}

/** System errors (a file that cannot be written) explain themselves; anything else is a bug and shows its stack. */
function describe(error: unknown): string {
  if (isDosqlError(error, 'UNAUTHENTICATED'))
    return `${error.message} Give one with --token, or in the environment variable DOSQL_TOKEN.`;
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? error.message : (error.stack ?? error.message);
}
