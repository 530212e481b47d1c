import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, sources, workingTree } from './files.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
/** `path:line: text` of every line that matches. */
function lines(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

const source = sources();
const text = workingTree().filter((path) =>
  /\.(ts|mts|js|json|jsonc|md|toml|sql|sh|ya?ml|html|capnp)$|^\.|^[^.]+$/.test(path),
);

describe('the source', () => {
  test('has no file longer than 300 lines', () => {
    expect(source.length).toBeGreaterThan(50);
    const long = source.map((path) => ({ path, length: read(path).trimEnd().split('\n').length }));
    expect(long.filter(({ length }) => length > 300)).toEqual([]);
  });

  test('has no file that is named after nothing', () => {
    expect(source.filter((path) => /(^|\/)(utils?|helpers?|common|misc)\.ts$/.test(path))).toEqual([]);
  });

  test('exports names only', () => {
    expect(lines(source, /^\s*export default\b|\bas default\b/)).toEqual([]);
  });

  test('throws typed errors only', () => {
    expect(
      lines(source, /\b(throw|reject\()\s*(new\s+)?((Type|Range|Syntax|Aggregate)?Error|['"`])\b/),
    ).toEqual([]);
    // Without a message it is a sentinel that its own function catches.
    expect(lines(source, /\bnew (Type|Range|Syntax|Aggregate)?Error\((?!\))/)).toEqual([]);
  });

  test('holds no unfinished work', () => {
    expect(lines(source, /\b(TODO|FIXME|XXX|HACK)\b|\bnot (yet )?implemented\b|\bunimplemented\b/i)).toEqual(
      [],
    );
    expect(lines(source, /(\/\/|\*).*\bstub(bed)?\b/i)).toEqual([]);
  });

  test('does not switch the type checker off', () => {
    expect(lines(source, /@ts-(ignore|nocheck|expect-error)/)).toEqual([]);
  });
});

describe('the repository', () => {
  test('names no folder of a machine', () => {
    const folder = /(?<![\w.:/$}-])\/(work|tmp|home|root|Users|mnt|private)\/|\b[A-Z]:\\\\?Users/;
    const own = new RegExp(root.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const named = text.filter((path) => path !== 'test/package/conventions.test.ts');
    expect(lines(named, folder)).toEqual([]);
    if (root.length > 6) expect(lines(named, own)).toEqual([]);
  });

  test('names no package registry', () => {
    expect(
      lines(text, /\bregistry\.[a-z0-9-]+\.[a-z]{2,}|npm[.]pkg[.]github|(artifactory|nexus|verdaccio)[.:]/i),
    ).toEqual([]);
  });

  test('skips no test and repeats none', () => {
    const tests = text.filter((path) => /^(test|examples)\/.*\.ts$/.test(path));
    expect(tests.length).toBeGreaterThan(10);
    const own = 'test/package/conventions.test.ts';
    const bad = /\b(test|it|describe)\.(skip|only|todo|fails|skipIf|runIf)\b|\bretry:\s*\d/;
    expect(
      lines(
        tests.filter((path) => path !== own),
        bad,
      ),
    ).toEqual([]);
  });
});
