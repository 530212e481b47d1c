import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { issueToken } from '../../../src/server/index.ts';
import { root } from '../files.ts';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A folder of a user's, and the command as a process in it. */
export class Shell {
  readonly folder = mkdtempSync(join(tmpdir(), 'dosql-cli-'));
  readonly #children = new Set<ChildProcess>();

  /** Builds the command; `packages` are what the project has installed. */
  static async create(...packages: string[]): Promise<Shell> {
    const shell = new Shell();
    await build({
      absWorkingDir: root,
      entryPoints: ['cli/main.ts'],
      outfile: join(shell.folder, '.dosql/cli.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      external: [...builtinModules],
    });
    for (const name of packages) {
      const target = join(shell.folder, 'node_modules', name);
      mkdirSync(dirname(target), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), target);
    }
    shell.write('package.json', '{"type":"module"}');
    return shell;
  }

  at(path: string): string {
    return join(this.folder, path);
  }

  read(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }

  write(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), text);
  }

  start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn(process.execPath, [this.at('.dosql/cli.mjs'), ...args], {
      cwd: this.folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder, NO_COLOR: '1', CI: '1', ...env },
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs the command to its end, with a token in the environment. */
  async dosql(token: string, args: readonly string[], input = ''): Promise<Ended> {
    const child = this.start(args, token ? { DOSQL_TOKEN: token } : {});
    const ended: Ended = { code: null, stdout: '', stderr: '' };
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (ended.stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (ended.stderr += text));
    child.stdin!.end(input);
    [ended.code] = (await once(child, 'close')) as [number | null];
    return ended;
  }

  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A token for databases of these names. */
export function tokenFor(
  database: string | readonly string[],
  access: 'read' | 'write' = 'write',
): Promise<string> {
  return issueToken('the secret of the tests, 32 bytes', { database, access });
}
