import { builtinModules } from 'node:module';
import { build } from 'esbuild';
import { defineConfig } from 'tsup';

/** One entry per public module. */
const modules = {
  index: 'src/index.ts',
  errors: 'src/errors/index.ts',
  wal: 'src/wal/index.ts',
  cdc: 'src/cdc/index.ts',
  history: 'src/history/index.ts',
  virtual: 'src/virtual/index.ts',
  fsx: 'src/fsx/index.ts',
  server: 'src/server/index.ts',
  drizzle: 'drizzle/index.ts',
  'drizzle-sync': 'drizzle/sync.ts',
  'drizzle-migrator': 'drizzle/migrator.ts',
  'drizzle-kit': 'drizzle/kit/index.ts',
  'drizzle-client': 'drizzle/client.ts',
  client: 'src/client/index.ts',
  'adapters-cdc': 'adapters/cdc.ts',
  'adapters-history': 'adapters/history.ts',
  'adapters-live': 'adapters/live.ts',
  'adapters-tiered': 'adapters/tiered.ts',
  'adapters-virtual': 'adapters/virtual.ts',
};

/** Shared code is split into chunks so that classes keep one identity. */
export default defineConfig({
  entry: modules,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  treeshake: true,
  clean: true,
  dts: { entry: modules },
  external: ['drizzle-orm', /^drizzle-orm\//, /^node:/, 'cloudflare:workers'],
  // Apart from the modules: its libraries are CommonJS, whose helpers would get into a chunk that every Worker bundles.
  onSuccess: async () => {
    await build({
      entryPoints: ['cli/main.ts'],
      outfile: 'dist/cli.js',
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      external: [...builtinModules],
    });
  },
});
