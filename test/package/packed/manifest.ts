import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../files.ts';

export interface Manifest {
  name: string;
  exports: Record<string, string | Record<string, string>>;
  bin: Record<string, string>;
  files: string[];
  dependencies?: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
}

export function manifest(folder: string = root): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** The subpaths that hold code: `.`, `./drizzle`, … */
export function entries(): string[] {
  return Object.keys(manifest().exports).filter((subpath) => subpath !== './package.json');
}
