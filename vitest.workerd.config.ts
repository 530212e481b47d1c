import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * The tests in the real runtime. LANE=old runs them on the workerd of @cloudflare/vitest-pool-workers (SQLite 3.47),
 * LANE=new on the one of its successor @cloudflare/vitest-plugin (SQLite 3.53).
 */
const { cloudflareTest } =
  process.env['LANE'] === 'old'
    ? await import('@cloudflare/vitest-pool-workers')
    : await import('@cloudflare/vitest-plugin');

export default defineConfig({
  plugins: [
    cloudflareTest({ wrangler: { configPath: join(import.meta.dirname, 'test/workerd/wrangler.toml') } }),
  ],
  // Vitest sets what is defined as process.env in its own process, which is not the one of the tests.
  define: {
    DOSQL_RUNS: JSON.stringify(Number(process.env['DOSQL_RUNS'] ?? 1)),
    DOSQL_PART: JSON.stringify(Number(process.env['DOSQL_PART'] ?? 0)),
  },
  test: {
    include: ['test/workerd/**/*.test.ts'],
    maxWorkers: 2,
    // Files share the modules, as the objects of an isolate do; loading them for each file takes longer than the tests.
    isolate: false,
    // Long runs take longer.
    testTimeout: process.env['DOSQL_RUNS'] ? 300_000 : 60_000,
    // An aborted object fails its stubs' pending calls too; the tests that abort assert what matters themselves.
    onUnhandledError: (error) => ('durableObjectReset' in error ? false : undefined),
  },
});
