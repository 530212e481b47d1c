import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { DosqlError } from '../src/errors/index.ts';
import { readMigrations } from './migrations.ts';
import { moduleText } from './module.ts';
import type { Output } from './run.ts';

/** `dosql bundle <folder>`: a migrations folder becomes one plain TypeScript module that every bundler takes. */
export function bundleCommand(output: Output): Command {
  return new Command('bundle')
    .description('write a folder of migrations into one TypeScript module')
    .argument('<folder>', 'folder of NNN_name.sql files, or the `out` folder of drizzle-kit')
    .option('-o, --out <file>', 'the module to write (default: migrations.ts in the folder)', typescriptFile)
    .option('--check', 'write nothing; exit with 1 when the module is out of date')
    .action(async (folder: string, options: { out?: string; check?: boolean }) => {
      const out = options.out ?? join(folder, 'migrations.ts');
      const migrations = await readMigrations(folder);
      const source =
        relative(resolve(dirname(out)), resolve(folder))
          .split(sep)
          .join('/') || '.';
      const text = moduleText(migrations, source);
      const upToDate = existsSync(out) && readFileSync(out, 'utf8') === text;
      const what = `${out}: ${migrations.length} migration${migrations.length === 1 ? '' : 's'}`;
      if (upToDate) {
        // An untouched file does not wake up the tools that watch it.
        output.stdout.write(`${what}, up to date\n`);
      } else if (options.check) {
        throw new DosqlError(
          'MIGRATION_DRIFT',
          `${out} is out of date. Run: npx dosql bundle ${folder} --out ${out}`,
        );
      } else {
        mkdirSync(dirname(out), { recursive: true });
        writeFileSync(out, text);
        output.stdout.write(`${what}, written\n`);
      }
    });
}

function typescriptFile(file: string): string {
  if (!/\.[cm]?ts$/.test(file)) throw new InvalidArgumentError('It must be a .ts file.');
  return file;
}
