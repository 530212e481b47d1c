import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { DosqlError } from '../src/errors/index.ts';
import { kitPath, scratch } from './kit.ts';
import { type RemoteOptions, remote, tokenOf } from './remote.ts';
import type { Output } from './run.ts';

/** `dosql pull <url>`: a Drizzle schema out of a database, by the project's own drizzle-kit. */
export function pullCommand(output: Output): Command {
  return remote(new Command('pull'))
    .description('write a Drizzle schema from a database')
    .argument('<url>', 'address of the database')
    .option('--out <folder>', 'where to write', './drizzle')
    .action(async (url: string, options: RemoteOptions & { out: string }) => {
      const bin = join(dirname(kitPath('drizzle-kit')), 'bin.cjs');
      const { path, remove } = scratch();
      const config = join(path, 'drizzle.config.cjs');
      // The token is in the environment of the tool, not in a file.
      const credentials = `{ url: ${JSON.stringify(url.replace(/\/*$/, '/'))}, authToken: process.env.DOSQL_TOKEN }`;
      const settings = `dialect: 'turso', out: ${JSON.stringify(options.out)}, dbCredentials: ${credentials}`;
      writeFileSync(config, `module.exports = { ${settings} };\n`);
      try {
        const child = spawn(process.execPath, [bin, 'pull', `--config=${config}`], {
          env: { ...process.env, DOSQL_TOKEN: tokenOf(options) ?? '' },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        child.stdout.on('data', (text) => output.stderr.write(`${text}`));
        child.stderr.on('data', (text) => output.stderr.write(`${text}`));
        const [code] = (await once(child, 'close')) as [number | null];
        if (code !== 0)
          throw new DosqlError('CONNECTION_FAILED', `drizzle-kit pull ended with status ${code}.`);
        const schema = join(options.out, 'schema.ts');
        output.stdout.write(options.json ? `${JSON.stringify({ schema })}\n` : `${schema}\n`);
      } finally {
        remove();
      }
    });
}
