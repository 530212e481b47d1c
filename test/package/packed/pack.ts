import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { root, workingTree } from '../files.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** What `npm pack` made of the working tree: the archive, and the folder that it extracts to. */
    packed: { tarball: string; folder: string };
  }
}

/**
 * Packs once for all tests, from a copy of the working tree: `prepack` empties and fills `dist`, which must not
 * happen under the feet of whoever else builds here.
 */
export default function pack(project: TestProject): () => void {
  const temporary = mkdtempSync(join(tmpdir(), 'dosql-pack-'));
  const remove = () => rmSync(temporary, { recursive: true, force: true });
  try {
    const copy = join(temporary, 'copy');
    for (const path of workingTree().filter((path) => !/^(test|bench|examples)\//.test(path))) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      cpSync(join(root, path), join(copy, path));
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    run('npm', ['pack', '--pack-destination', temporary], copy);
    const archive = readdirSync(temporary).find((name) => name.endsWith('.tgz'))!;
    run('tar', ['-xzf', archive], temporary);
    project.provide('packed', { tarball: join(temporary, archive), folder: join(temporary, 'package') });
  } catch (error) {
    remove();
    throw error;
  }
  return remove;
}

function run(command: string, args: string[], cwd: string): void {
  const env = {
    ...process.env,
    PATH: [join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
    npm_config_update_notifier: 'false',
    NO_COLOR: '1',
  };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
}
