import { describe, expect, test } from 'vitest';
import { cycle, type Import, imports } from './imports.ts';

/** The layers that stand below the features; every other folder of src is a feature. */
const BELOW: Record<string, readonly string[]> = {
  errors: [],
  sql: ['errors'],
  relation: ['sql', 'errors'],
  engine: ['sql', 'errors'],
};
/** What a feature may import besides itself. The change log is what history, cdc and branches read. */
const FOR_FEATURES = ['engine', 'relation', 'sql', 'errors', 'wal'];
/** The server rebuilds tables as migrations do. */
const ALSO: Record<string, readonly string[]> = { server: ['migration'] };
/** Features whose interfaces others may name, in types only: `Database.migrate` is declared by the engine. */
const INTERFACES: Record<string, readonly string[]> = {
  engine: ['migration', 'relation'],
  relation: ['engine'],
};
/** Outside of src: which of the top folders each may import. */
const ABOVE: Record<string, readonly string[]> = {
  drizzle: ['src'],
  adapters: ['src', 'drizzle'],
  cli: ['src', 'drizzle'],
};

/** `src/engine/lock.ts` → `engine`; `src/db.ts`, the glue between engine and features, → ``. */
const folderOf = (path: string) => /^src\/([^/]+)\//.exec(path)?.[1] ?? '';
const topOf = (path: string) => path.split('/')[0]!;
const isLocal = (path: string) => /^(src|drizzle|adapters|cli)\//.test(path);

function allowedInSrc({ from, to, typeOnly }: Import): boolean {
  const [layer, target] = [folderOf(from), folderOf(to)];
  if (layer === '' || layer === target) return true;
  if (typeOnly && INTERFACES[layer]?.includes(target)) return true;
  if (ALSO[layer]?.includes(target)) return true;
  return (BELOW[layer] ?? FOR_FEATURES).includes(target);
}

const all = imports();
const show = (wrong: readonly Import[]) => wrong.map(({ from, to }) => `${from} imports ${to}`);

describe('the dependency rule', () => {
  test('reads the imports of every layer', () => {
    expect(new Set(all.map(({ from }) => topOf(from)))).toContain('drizzle');
    for (const layer of ['engine', 'sql', 'migration'])
      expect(all.map(({ from }) => folderOf(from))).toContain(layer);
    expect(all.filter(({ to }) => isLocal(to) && !to.endsWith('.ts'))).toEqual([]);
  });

  test('nothing under src imports what stands above it', () => {
    expect(
      show(all.filter(({ from, to }) => topOf(from) === 'src' && isLocal(to) && topOf(to) !== 'src')),
    ).toEqual([]);
  });

  test('inside src, each layer imports only the ones below it, and features import the change log only', () => {
    const inside = all.filter(({ from, to }) => topOf(from) === 'src' && topOf(to) === 'src');
    expect(inside.length).toBeGreaterThan(50);
    expect(show(inside.filter((one) => !allowedInSrc(one)))).toEqual([]);
  });

  test('drizzle imports src, adapters import both, nobody imports the command', () => {
    const above = all.filter(
      ({ from, to }) => topOf(from) !== 'src' && isLocal(to) && topOf(from) !== topOf(to),
    );
    expect(show(above.filter(({ from, to }) => !ABOVE[topOf(from)]?.includes(topOf(to))))).toEqual([]);
  });

  test('nothing that a Worker bundles imports a platform module statically', () => {
    const platform = all.filter(
      ({ from, to, typeOnly }) =>
        topOf(from) !== 'cli' && !typeOnly && /^(node|cloudflare|workerd):/.test(to),
    );
    expect(show(platform.filter(({ dynamic }) => !dynamic))).toEqual([]);
  });

  test('no two files import values from each other, directly or in a ring', () => {
    expect(cycle(all)).toBeUndefined();
    // The check itself: a ring is found, one that types close is none.
    const edge = (from: string, to: string, typeOnly = false) => ({ from, to, typeOnly, dynamic: false });
    expect(cycle([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b', 'c', 'b']);
    expect(cycle([edge('a', 'b'), edge('b', 'a', true)])).toBeUndefined();
  });
});
