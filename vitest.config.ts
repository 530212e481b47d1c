import { defineConfig } from 'vitest/config';

/** Long runs take longer. */
const patience = process.env['DOSQL_RUNS'] ? 5 : 1;

/** The tests that need no Workers runtime of Vitest's: pure functions, properties, the package itself. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/{unit,property,conformance}/**/*.test.ts', 'test/package/*.test.ts'],
          testTimeout: 120_000 * patience,
        },
      },
      {
        test: {
          name: 'packed',
          include: ['test/package/packed/**/*.test.ts'],
          globalSetup: 'test/package/packed/pack.ts',
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
