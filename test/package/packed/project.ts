import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { inject } from 'vitest';
import { root } from '../files.ts';

export interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A user's project in a temporary folder, with the packed package installed. Everything it starts ends with `remove`. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'dosql-project-'));
  readonly #running = new Set<ChildProcess>();

  constructor() {
    this.write('package.json', JSON.stringify({ name: 'app', private: true, type: 'module' }));
    const scope = this.at('node_modules/@dotdo');
    mkdirSync(scope, { recursive: true });
    // Copied, not linked: the package has to find its peers where the project has them.
    cpSync(inject('packed').folder, join(scope, 'dosql'), { recursive: true });
    const { dependencies = {} } = JSON.parse(this.read('node_modules/@dotdo/dosql/package.json'));
    this.install(...Object.keys(dependencies));
  }

  at(path: string): string {
    return join(this.folder, path);
  }

  read(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }

  /** What `npm install` would do, out of the repository's own dependencies. */
  install(...packages: string[]): void {
    for (const name of packages.filter((name) => name !== '@dotdo/dosql')) {
      const [source, target] = [join(root, 'node_modules', name), this.at(join('node_modules', name))];
      if (!existsSync(source)) throw new Error(`${name} is not among the repository's dependencies.`);
      if (existsSync(target)) continue;
      mkdirSync(dirname(target), { recursive: true });
      symlinkSync(source, target);
    }
  }

  /** The file that `npx <name>` would run: the `bin` of an installed package, by the name of the package or of the bin. */
  bin(name: string): string {
    for (const installed of [name, `@dotdo/${name}`]) {
      const manifest = this.at(join('node_modules', installed, 'package.json'));
      if (!existsSync(manifest)) continue;
      const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin?: string | Record<string, string> };
      const file = typeof bin === 'string' ? bin : bin?.[name];
      if (file) return join(dirname(manifest), file);
    }
    throw new Error(`No installed package has a command ${name}.`);
  }

  #environment(): NodeJS.ProcessEnv {
    // Of what the test runner sets, nothing: a user's shell has none of it.
    const runner = /^(VITEST|TEST|NODE_ENV|NODE_OPTIONS|FORCE_COLOR|npm_|INIT_CWD)/;
    const own = Object.entries(process.env).filter(([name]) => !runner.test(name));
    return {
      ...Object.fromEntries(own),
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      CI: '1',
      NO_COLOR: '1',
      // Settings and logs go into the project; nothing asks the network.
      HOME: this.folder,
      XDG_CONFIG_HOME: this.at('.config'),
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_WRITE_LOGS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    };
  }

  start(name: string, args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [this.bin(name), ...args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it starts ends with it.
      detached: true,
      env: this.#environment(),
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  /** Runs a command to its end. */
  async run(name: string, ...args: string[]): Promise<Output> {
    const child = this.start(name, args);
    const output: Output = { code: null, stdout: '', stderr: '' };
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    [output.code] = (await once(child, 'close')) as [number | null];
    return output;
  }

  /** Runs `wrangler dev` on a free port. Resolves with its address once it answers. */
  async serve(...args: string[]): Promise<{ url: string; stop(): Promise<void> }> {
    const where = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0', '--persist-to', '.state'];
    const child = this.start('wrangler', ['dev', ...where, ...args]);
    const url = await new Promise<string>((resolve, reject) => {
      let output = '';
      const read = (text: string) => {
        output += text;
        const ready = /Ready on (http:\/\/127\.0\.0\.1:\d+)/.exec(output);
        if (ready) resolve(ready[1]!);
        else if (/✘|\[ERROR\]/.test(output)) reject(new Error(`wrangler dev:\n${output}`));
      };
      child.stdout!.setEncoding('utf8').on('data', read);
      child.stderr!.setEncoding('utf8').on('data', read);
      child.once('exit', () => reject(new Error(`wrangler dev ended:\n${output}`)));
    });
    return { url, stop: () => stop(child) };
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#running].map(stop));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'close');
  process.kill(-child.pid!, 'SIGTERM');
  await ended;
}
