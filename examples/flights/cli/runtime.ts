import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Runtime {
  /** Where the Worker answers. */
  url: URL;
  /** Of wrangler and of the workerd that it runs. */
  versions: { wrangler: string; workerd: string };
  /** What the Worker verifies tokens with. */
  secret: string;
  /** Stops the runtime. Safe to call twice. Its databases go when this process ends. */
  stop(): Promise<void>;
}

/** Boots the Worker of the root wrangler.toml on this machine, with empty databases in a temporary folder. */
export async function boot(port: number): Promise<Runtime> {
  const folder = mkdtempSync(join(tmpdir(), 'dosql-flights-'));
  // Not in stop(): on a signal, Miniflare kills the runtime and exits before any promise can settle.
  process.once('exit', () =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  );
  process.env['WRANGLER_SEND_METRICS'] = 'false';
  process.env['WRANGLER_WRITE_LOGS'] = 'false';
  // Miniflare asks the network for a plausible request.cf unless told not to.
  process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';
  const secret = randomBytes(32).toString('hex');
  const { unstable_DevEnv } = await import('wrangler');
  const dev = new unstable_DevEnv();
  // Nothing else tells of a Worker that does not build: its first request would wait for ever.
  const serving = new Promise((resolve, reject) => {
    dev.once('reloadComplete', resolve);
    dev.once('buildFailed', () => reject(new Error('The Worker does not build.')));
    dev.once('error', (event: { cause?: unknown }) => reject(event.cause ?? event));
  });
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= dev.teardown());
  try {
    const starting = dev.startWorker({
      config: join(import.meta.dirname, '../../../wrangler.toml'),
      bindings: { TOKEN_SECRET: { type: 'plain_text', value: secret } },
      dev: {
        server: { hostname: '127.0.0.1', port },
        inspector: false,
        persist: join(folder, 'state'),
        logLevel: 'error',
        watch: false,
        remote: false,
      },
    });
    const [worker] = await Promise.all([starting, serving]);
    return { url: await worker.url, versions: versions(), secret, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function versions() {
  const here = createRequire(import.meta.url);
  const wrangler = here.resolve('wrangler/package.json');
  return {
    wrangler: (here(wrangler) as { version: string }).version,
    workerd: (createRequire(wrangler)('workerd/package.json') as { version: string }).version,
  };
}
