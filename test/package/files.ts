import { spawnSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the repository, without a slash at its end. */
export const root = join(import.meta.dirname, '../..');

/** Paths, relative to the root, of what a commit of the working tree would hold: tracked, or new and not ignored. */
export function workingTree(): string[] {
  // A clone that belongs to another user is as good as one's own, for reading.
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`git ls-files: ${stderr}`);
  const paths = stdout.split('\0').filter((path) => path && isFile(join(root, path)));
  return [...new Set(paths)].sort();
}

/** Neither a folder nor a link, nor deleted and not committed yet. */
const isFile = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true;

/** The TypeScript that users run: everything that can end up in the package. */
export function sources(): string[] {
  return workingTree().filter((path) => /^(src|drizzle|adapters|cli)\/.*\.ts$/.test(path));
}
