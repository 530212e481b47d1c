import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './files.ts';

interface Locked {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  lockfileVersion: number;
  packages: Record<string, Locked>;
};

/** The package that `name` means to the one installed at `from`: the nearest one on the way up. */
function resolve(from: string, name: string): Locked | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const found = lock.packages[`${at && `${at}/`}node_modules/${name}`];
    if (found || !at) return found;
  }
}

test('the lock says where no package comes from, so that every registry serves', () => {
  expect(lock.lockfileVersion).toBe(3);
  const packages = Object.entries(lock.packages);
  expect(packages.length).toBeGreaterThan(100);
  expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
});

// npm leaves out what a registry does not have, without a word, and refuses the lock in the next `npm ci`.
test('the lock holds the binaries of every platform, in the version that goes with their package', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name, range]) => {
        const found = resolve(path, name);
        return !found || (/^\d/.test(range) && found.version !== range);
      })
      .map(([name, range]) => `${path}: ${name}@${range}`),
  );
  expect(missing).toEqual([]);
});
