import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DosqlError } from '../src/errors/index.ts';

/** Requires as the user's project does. */
export const project = createRequire(join(process.cwd(), 'package.json'));

/** A file of the project's drizzle-kit. @throws FEATURE_NOT_ENABLED */
export function kitPath(file: string): string {
  try {
    return project.resolve(file);
  } catch (cause) {
    throw new DosqlError(
      'FEATURE_NOT_ENABLED',
      'This command needs drizzle-kit: npm install --save-dev drizzle-kit',
      {
        cause,
      },
    );
  }
}

/** A folder for files that must stand where they find the project's packages. */
export function scratch(): { path: string; remove: () => void } {
  const path = resolve('node_modules/.dosql', `${process.pid}-${Date.now()}`);
  mkdirSync(path, { recursive: true });
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Loads a TypeScript module of the project, with the bundler that drizzle-kit brings. @throws INVALID_ARGUMENT */
export async function loadModule(file: string): Promise<Record<string, unknown>> {
  if (!existsSync(file)) throw new DosqlError('INVALID_ARGUMENT', `There is no file ${file}.`);
  const esbuild = createRequire(kitPath('drizzle-kit')).resolve('esbuild');
  const { build } = (await import(pathToFileURL(esbuild).href)) as typeof import('esbuild');
  const { path, remove } = scratch();
  try {
    const outfile = join(path, 'module.mjs');
    await build({
      entryPoints: [resolve(file)],
      outfile,
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      logLevel: 'silent',
    });
    return (await import(pathToFileURL(outfile).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new DosqlError('INVALID_ARGUMENT', `${file} cannot be loaded: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    remove();
  }
}

/** What commands read of a drizzle.config.ts. */
export interface KitConfig {
  schema?: string | string[];
  out?: string;
  dbCredentials?: { url?: string; authToken?: string };
}

/** The project's drizzle.config; empty when there is none and none was asked for. @throws INVALID_ARGUMENT */
export async function loadConfig(file: string | undefined): Promise<KitConfig> {
  const found =
    file ?? ['drizzle.config.ts', 'drizzle.config.js', 'drizzle.config.mjs'].find((name) => existsSync(name));
  return found === undefined ? {} : ((await loadModule(found))['default'] as KitConfig);
}
