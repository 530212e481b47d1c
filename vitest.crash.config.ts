import { defineConfig } from 'vitest/config';

/** Tests that kill the runtime: slow, one at a time. */
export default defineConfig({
  test: {
    include: ['test/crash/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
