import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** The runtime that a tool depends on; LANE=old is the one with SQLite 3.47. */
function runtime(lane: string | undefined): string {
  const tool = lane === 'old' ? '@cloudflare/vitest-pool-workers' : 'wrangler';
  const { resolve } = createRequire(join(root, 'node_modules', tool, 'package.json'));
  return join(dirname(resolve('workerd/package.json')), 'bin/workerd');
}

/** A Worker on disk with its own storage: a plain workerd, which can be killed and started again. */
export class Workerd {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dosql-crash-'));
  #process: ChildProcess | undefined;
  #port = 0;
  #ended: Promise<unknown> = Promise.resolve();

  private constructor(private readonly program: string) {}

  /** Called with every line that the Worker logs. */
  onLine: (line: string) => void = () => {};

  /** Builds `entry`, whose `Subject` is a Durable Object class; `texts` become modules of text. */
  static async create(
    entry: string,
    texts: Readonly<Record<string, string>> = {},
    { lane = process.env['LANE'], ...compatibility }: Compatibility & { lane?: string | undefined } = {},
  ): Promise<Workerd> {
    const workerd = new Workerd(runtime(lane));
    await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile: join(workerd.#folder, 'worker.js'),
      bundle: true,
      format: 'esm',
      target: 'es2022',
      external: ['node:*', 'cloudflare:*'],
    });
    mkdirSync(join(workerd.#folder, 'disk'));
    writeFileSync(join(workerd.#folder, 'config.capnp'), configuration(texts, compatibility));
    return workerd;
  }

  async start(): Promise<void> {
    const child = spawn(this.program, ['serve', 'config.capnp', '--control-fd=3'], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    this.#process = child;
    this.#ended = new Promise((resolve) => child.once('exit', resolve));
    onLines(child.stdout as Readable, (line) => this.onLine(line));
    this.#port = await new Promise<number>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`workerd ended with status ${code} before it listened`)));
      onLines(child.stdio[3] as Readable, (line) => {
        const event = JSON.parse(line);
        if (event.event === 'listen') resolve(event.port);
      });
    });
  }

  /** Where it listens; no slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The process, while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Memory of the process in MB, without the pages of its own program. */
  get memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+) kB/.exec(status)![1]) / 1024;
  }

  /** Sends a request and returns its JSON. */
  async request<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}${path}`);
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Ends the runtime as a power switch would: nothing of it gets to run again. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#ended;
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

function onLines(stream: Readable, handle: (line: string) => void): void {
  let text = '';
  stream.on('data', (chunk) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      handle(text.slice(0, end));
      text = text.slice(end + 1);
    }
  });
}

interface Compatibility {
  date?: string;
  flags?: readonly string[];
  /** Of the engine: limits of memory, which a runtime of one's own has none. */
  v8?: readonly string[];
  /** `127.0.0.1:port` of a server that is the Worker's binding ORIGIN. */
  origin?: string;
}

function configuration(
  texts: Readonly<Record<string, string>>,
  { date = '2026-01-01', flags = ['nodejs_compat'], v8 = [], origin }: Compatibility,
): string {
  const modules = Object.entries(texts).map(
    ([name, text]) => `    (name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)}),`,
  );
  const services = origin ? `(name = "origin", external = (address = "${origin}", http = ())),` : '';
  const bindings = origin ? ', (name = "ORIGIN", service = "origin")' : '';
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ${JSON.stringify(v8)},
  services = [
    (name = "disk", disk = (path = "disk", writable = true)),
    (name = "worker", worker = .worker),
    ${services}
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
${modules.join('\n')}
  ],
  compatibilityDate = "${date}",
  compatibilityFlags = ${JSON.stringify(flags)},
  durableObjectNamespaces = [(className = "Subject", uniqueKey = "subject", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [(name = "SUBJECTS", durableObjectNamespace = "Subject")${bindings}],
);
`;
}
