import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Family, families } from './families.ts';

const root = join(import.meta.dirname, '..');

/** Each runtime is the workerd that one tool depends on. */
const dependants = { old: '@cloudflare/vitest-pool-workers', new: 'wrangler' } as const;
export type RuntimeName = keyof typeof dependants;

const workerdFolder = (name: RuntimeName): string =>
  dirname(createRequire(import.meta.resolve(dependants[name])).resolve('workerd/package.json'));
const versionIn = (folder: string): string =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;

export const workerdVersion = (name: RuntimeName): string => versionIn(workerdFolder(name));
export const packageVersion = (name: string): string =>
  versionIn(dirname(fileURLToPath(import.meta.resolve(name))));

async function bundle({ name, alias = {} }: Family, folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: [`bench/worker/${name}.ts`],
    outfile: join(folder, `${name}.js`),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker'],
    external: ['node:*', 'cloudflare:*'],
    alias,
    plugins: [
      {
        name: 'dosql-sources',
        setup({ onResolve }) {
          onResolve({ filter: /^@dotdo\/dosql(\/|$)/ }, ({ path }) => {
            const part = path.slice('@dotdo/dosql/'.length);
            if (part === '') return { path: join(root, 'src/index.ts') };
            if (part === 'drizzle') return { path: join(root, 'drizzle/index.ts') };
            return { path: join(root, part.startsWith('drizzle/') ? `${part}.ts` : `src/${part}/index.ts`) };
          });
        },
      },
    ],
  });
}

/** Cap'n Proto's names have no hyphens. */
const constant = (name: string): string => name.replaceAll('-', '');

const config = (names: string[], folder: string): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "disk", disk = (path = "${folder}/disk", writable = true)),
${names.map((n) => `    (name = "${n}", worker = .${constant(n)}),`).join('\n')}
  ],
  sockets = [
${names.map((n) => `    (name = "${n}", address = "127.0.0.1:0", http = (), service = "${n}"),`).join('\n')}
  ],
);
${names
  .map(
    (n) => `const ${constant(n)} :Workerd.Worker = (
  modules = [(name = "${n}.js", esModule = embed "${n}.js")],
  compatibilityDate = "2026-01-01",
  durableObjectNamespaces = [(className = "Bench", uniqueKey = "${n}", enableSql = true, preventEviction = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [(name = "BENCH", durableObjectNamespace = "Bench")],
);`,
  )
  .join('\n')}
`;

/** A running workerd that serves every family, and the clock of its event loop. */
export class Runtime {
  readonly families: string[];
  readonly #process: ChildProcess;
  readonly #ports: Map<string, number>;
  #thread = '';

  private constructor(process: ChildProcess, ports: Map<string, number>) {
    this.#process = process;
    this.#ports = ports;
    this.families = [...ports.keys()];
  }

  static async start(name: RuntimeName, present = families(root)): Promise<Runtime> {
    const folder = mkdtempSync(join(tmpdir(), 'dosql-bench-'));
    process.once('exit', () => rmSync(folder, { recursive: true }));
    // One after the other: a failed build must not leave another one writing into a folder that is being removed.
    for (const family of present) await bundle(family, folder);
    const names = present.map((family) => family.name);
    writeFileSync(join(folder, 'config.capnp'), config(names, folder));
    mkdirSync(join(folder, 'disk'));
    const child = spawn(
      join(workerdFolder(name), 'bin/workerd'),
      ['serve', 'config.capnp', '--control-fd=3'],
      { cwd: folder, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] },
    );
    process.once('exit', () => child.kill());
    const runtime = new Runtime(child, await listening(child, names.length));
    await runtime.#findEventLoop();
    return runtime;
  }

  async request(family: string, query: Record<string, string>): Promise<Response> {
    const response = await fetch(
      `http://127.0.0.1:${this.#ports.get(family)}/?${new URLSearchParams(query)}`,
    );
    if (!response.ok) throw new Error(`${family} ${JSON.stringify(query)}: ${await response.text()}`);
    return response;
  }

  /** CPU time of the event-loop thread in microseconds: workerd's own clocks stand still while JavaScript runs. */
  cpu(): number {
    return this.#schedstat(this.#thread);
  }

  /** Resident memory of the process in MB. */
  memory(): number {
    const [, pages] = readFileSync(`/proc/${this.#process.pid}/statm`, 'utf8').split(' ');
    return (Number(pages) * 4096) / 2 ** 20;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await ended;
  }

  #schedstat(thread: string): number {
    return (
      Number(readFileSync(`/proc/${this.#process.pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000
    );
  }

  async #findEventLoop(): Promise<void> {
    const before = new Map(
      readdirSync(`/proc/${this.#process.pid}/task`).map((t) => [t, this.#schedstat(t)]),
    );
    for (const family of this.families) await (await this.request(family, { action: 'list' })).text();
    const spent = [...before].map(([t, start]) => [this.#schedstat(t) - start, t] as const);
    this.#thread = spent.sort((a, b) => b[0] - a[0])[0]![1];
  }
}

/** Resolves with the port of each socket, which workerd reports on its control descriptor as lines of JSON. */
function listening(child: ChildProcess, sockets: number): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`workerd ended with status ${code} before it listened`)));
    let text = '';
    (child.stdio[3] as Readable).on('data', (chunk) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const event = JSON.parse(text.slice(0, end));
        text = text.slice(end + 1);
        if (event.event === 'listen') ports.set(event.socket, event.port);
      }
      if (ports.size === sockets) resolve(ports);
    });
  });
}
