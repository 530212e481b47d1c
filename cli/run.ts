import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { isDosqlError } from '../src/errors/index.ts';
import { bundleCommand } from './bundle.ts';

/** Where a command writes: results to `stdout`, everything else to `stderr`. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

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
  for (const command of [bundleCommand(output)]) program.addCommand(command.copyInheritedSettings(program));
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.stderr.write(`dosql: ${isDosqlError(error) ? error.message : describe(error)}\n`);
    return 1;
  }
}

/** System errors (a file that cannot be written) explain themselves; anything else is a bug and shows its stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? error.message : (error.stack ?? error.message);
}
