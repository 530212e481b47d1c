import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { entries, manifest } from './manifest.ts';
import { Project } from './project.ts';

const { folder } = inject('packed');
const packed = manifest(folder);
const project = new Project();
project.install('drizzle-orm');
afterAll(() => project.remove());

/** What a Worker that imports an entry may load besides it. Everything else must be inside the package. */
const EXTERNAL: readonly [entry: RegExp, packages: RegExp][] = [
  [/^\.\/(drizzle|adapters)/, /^drizzle-orm(\/|$)/],
  [/^\.\/(virtual|fsx|lakehouse)/, /^hyparquet(-writer)?(\/|$)/],
  [/^\.\/server$/, /^jose$/],
];

/** The names of the exports, as Node loads the entry out of an installed package. */
async function load(entry: string): Promise<string[]> {
  const script = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(join(packed.name, entry))}))))`;
  project.write('load.mjs', script);
  project.write('node_modules/load/package.json', '{"name":"load","bin":"../../load.mjs"}');
  const { stdout, stderr } = await project.run('load');
  expect(stderr).toBe('');
  return JSON.parse(stdout) as string[];
}

describe('the packed package', () => {
  test('holds what was built and the pages, and no source', () => {
    expect(packed).toEqual(manifest());
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      statSync(join(folder, path)).isFile(),
    );
    expect(
      files.filter(
        (path) => !/^(dist\/[\w-]+(\.d\.ts|\.js)|docs\/.*\.md|[A-Z]+\.md|LICENSE|package\.json)$/.test(path),
      ),
    ).toEqual([]);
    expect(packed.files.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  });

  test('has types first in every entry, and each file exists', () => {
    expect(entries().length).toBeGreaterThan(4);
    for (const entry of entries()) {
      const target = packed.exports[entry] as Record<string, string>;
      expect(Object.keys(target)).toEqual(['types', 'default']);
      expect(target['types']).toBe(target['default']!.replace(/\.js$/, '.d.ts'));
      for (const file of Object.values(target)) expect(existsSync(join(folder, file)), file).toBe(true);
    }
  });

  test('needs nothing at run time but drizzle-orm, and that only for Drizzle, and what Parquet and tokens take', () => {
    expect(
      Object.keys(packed.dependencies ?? {}).filter((name) => !/^(hyparquet(-writer)?|jose)$/.test(name)),
    ).toEqual([]);
    expect(Object.keys(packed.peerDependencies)).toEqual(['drizzle-orm']);
    expect(packed.peerDependenciesMeta['drizzle-orm']).toEqual({ optional: true });
  });

  test('keeps one class per error over all entries', () => {
    const declaring = readdirSync(join(folder, 'dist')).filter(
      (file) =>
        /class DosqlError\b|DosqlError = class\b/.test(readFileSync(join(folder, 'dist', file), 'utf8')) &&
        file.endsWith('.js') &&
        file !== 'cli.js',
    );
    expect(declaring).toHaveLength(1);
  });
});

describe.each(entries())('the entry %s', (entry) => {
  const file = join(folder, (packed.exports[entry] as Record<string, string>)['default']!);

  test('loads in Node and exports something', async () => {
    expect((await load(entry)).length).toBeGreaterThan(0);
  });

  test('imports nothing foreign that it does not declare', async () => {
    const { metafile } = await build({
      entryPoints: [file],
      bundle: true,
      format: 'esm',
      target: 'es2022',
      packages: 'external',
      write: false,
      metafile: true,
      logLevel: 'silent',
      outdir: folder,
    });
    const external = Object.values(metafile.inputs).flatMap(({ imports }) =>
      imports.filter((one) => one.external),
    );
    const allowed = EXTERNAL.filter(([pattern]) => pattern.test(entry)).map(([, packages]) => packages);
    const foreign = external.filter(({ path, kind }) => {
      if (allowed.some((pattern) => pattern.test(path))) return false;
      // The platform's own modules may be asked for, by an import() that survives their absence.
      return kind !== 'dynamic-import' || !/^(node|cloudflare):/.test(path);
    });
    expect(foreign.map(({ path, kind }) => `${path} (${kind})`)).toEqual([]);
  });
});

describe('the command', () => {
  test('is an executable script that explains itself', async () => {
    const [name, file] = Object.entries(packed.bin)[0]!;
    expect(name).toBe('dosql');
    expect(readFileSync(join(folder, file), 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
    expect(statSync(project.at(join('node_modules/@dotdo/dosql', file))).mode & 0o111).toBe(0o111);
    const { code, stdout, stderr } = await project.run('dosql', '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('dosql');
    expect(stdout).toContain('bundle');
  });

  test('is not part of what a Worker imports', () => {
    for (const entry of entries())
      expect((packed.exports[entry] as Record<string, string>)['default']).not.toBe('./dist/cli.js');
  });
});
