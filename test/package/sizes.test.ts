import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import tsup from '../../tsup.config.ts';
import { root } from './files.ts';
import { entries, manifest } from './packed/manifest.ts';

interface Budget {
  what: string;
  /** Which entries of the package a Worker imports together. */
  entries: (entry: string) => boolean;
  /** Source folders that are not counted: other budgets hold them. */
  without?: RegExp;
  /** Counts from the day on which the package has this entry. */
  needs?: string;
  /** KB of 1,024 bytes: own code, minified, gzip -9. */
  limit: number;
}

const PARQUET = /^\.\/(virtual|fsx|lakehouse)$/;
const adapter = { without: /^(src|drizzle)\//, limit: 3 };
const driver = { without: /^src\//, limit: 9.5 };

/**
 * What a user's Worker may grow by. Every entry is in at least one row. The limits are today's sizes, so that they only
 * go down; ARCHITECTURE.md says what they were meant to be.
 */
const BUDGETS: Budget[] = [
  { what: 'core', entries: (entry) => entry === '.', limit: 24.1 },
  { what: 'errors', entries: (entry) => entry === './errors', limit: 2.2 },
  { what: 'driver, async', entries: (entry) => entry === './drizzle', ...driver },
  { what: 'driver, sync', entries: (entry) => entry === './drizzle/sync', ...driver },
  { what: 'migrator', entries: (entry) => entry === './drizzle/migrator', ...driver, limit: 1 },
  { what: 'driver over a client', entries: (entry) => entry === './drizzle/client', ...driver, limit: 1 },
  { what: 'client', entries: (entry) => entry === './client', without: /^src\/(errors|engine)\//, limit: 3 },
  { what: 'drizzle-kit bridge', entries: (entry) => entry === './drizzle/kit', ...driver, limit: 1 },
  { what: 'adapter, cdc', entries: (entry) => entry === './adapters/cdc', ...adapter },
  { what: 'adapter, history', entries: (entry) => entry === './adapters/history', ...adapter },
  { what: 'adapter, live', entries: (entry) => entry === './adapters/live', ...adapter },
  { what: 'adapter, tiered', entries: (entry) => entry === './adapters/tiered', ...adapter },
  { what: 'adapter, virtual', entries: (entry) => entry === './adapters/virtual', ...adapter },
  {
    what: 'relations + virtual tables, without Parquet',
    entries: (entry) => entry === './virtual',
    without: /^src\/(engine|sql|errors|migration|relation\/parquet)\//,
    limit: 20.1,
  },
  {
    what: 'virtual tables, their own code, without Parquet',
    entries: (entry) => entry === './virtual',
    without: /^src\/(?!virtual)/,
    limit: 12,
  },
  {
    what: 'relations + virtual tables, with Parquet, without its libraries',
    entries: (entry) => entry === './virtual',
    without: /^src\/(engine|sql|errors|migration)\//,
    limit: 26,
  },
  {
    what: 'tiered storage, its own code',
    entries: (entry) => entry === './fsx',
    without: /^src\/(?!fsx\/)/,
    limit: 22,
  },
  {
    what: 'server with export, import and migrate',
    entries: (entry) => entry === './server',
    without: /^src\/(?!server\/)/,
    limit: 27.1,
  },
  {
    what: 'server, its own code',
    entries: (entry) => entry === './server',
    without: /^src\/(?!server\/)|^src\/server\/(transfer\/|migrate)/,
    limit: 17.2,
  },
  {
    what: 'core + wal + cdc',
    entries: (entry) => /^\.(\/wal|\/cdc)?$/.test(entry),
    needs: './cdc',
    limit: 45.4,
  },
  {
    what: 'everything but Parquet, without Drizzle',
    entries: (entry) => !PARQUET.test(entry) && !/^\.\/(drizzle|adapters|server|client)/.test(entry),
    limit: 50.6,
  },
];

/** `./drizzle/sync` → `drizzle/sync.ts`, by way of the file that it is built to. */
function sourceOf(entry: string): string {
  const { default: built } = manifest().exports[entry] as { default: string };
  const name = /^\.\/dist\/(.+)\.js$/.exec(built)![1]!;
  return (tsup as { entry: Record<string, string> }).entry[name]!;
}

async function measure(files: readonly string[], without?: RegExp) {
  // One entry as it is; several as one Worker would import them, each under a name.
  const name = (at: number) => (files.length > 1 ? ` as e${at}` : '');
  const source = files.map((file, at) => `export *${name(at)} from './${file}';`).join('\n');
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    write: false,
    metafile: true,
    outdir: '.',
    plugins: [
      {
        name: 'without',
        setup({ onResolve, resolve }) {
          onResolve({ filter: /^\./ }, async ({ path, resolveDir, kind, pluginData }) => {
            if (pluginData === 'seen') return undefined;
            const found = await resolve(path, { resolveDir, kind, pluginData: 'seen' });
            return without?.test(found.path.slice(root.length + 1)) ? { path, external: true } : found;
          });
        },
      },
    ],
  });
  const inputs = Object.values(metafile.outputs)[0]!.inputs;
  return {
    bytes: gzipSync(outputFiles[0]!.contents, { level: 9 }).length,
    minified: outputFiles[0]!.contents.length,
    inputs,
  };
}

const printed: string[] = [];
afterAll(() => console.log(`\nminified + gzip, bytes\n${printed.join('\n')}`));

describe('the size of what a Worker bundles', () => {
  test('every entry has a source and a budget', () => {
    for (const entry of entries()) {
      expect(sourceOf(entry), entry).toBeDefined();
      expect(BUDGETS.filter((budget) => budget.entries(entry)).length, entry).toBeGreaterThan(0);
    }
  });

  test.each(BUDGETS.filter(({ needs = '.' }) => entries().includes(needs)))(
    '$what: at most $limit KB',
    async ({ what, entries: among, without, limit }) => {
      const { bytes, minified, inputs } = await measure(entries().filter(among).map(sourceOf), without);
      printed.push(
        `${String(bytes).padStart(7)} of ${String(limit * 1024).padStart(6)}  ${what} (minified ${minified})`,
      );
      // On failure: who weighs how much, minified, heaviest first.
      const heaviest = Object.entries(inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
      const weights = heaviest.slice(0, 15).map(([path, { bytesInOutput }]) => `${path} ${bytesInOutput}`);
      expect(bytes, `${what}: ${weights.join(', ')}\n`).toBeLessThanOrEqual(limit * 1024);
    },
  );
});
