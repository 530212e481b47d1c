import { defineConfig } from 'vitest/config';

/** The tests that need no Workers runtime: pure functions, properties, the package itself. */
export default defineConfig({
  test: {
    include: ['test/{unit,property,package}/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 120_000,
  },
});
