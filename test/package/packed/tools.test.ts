import { publint } from 'publint';
import { afterAll, expect, inject, test } from 'vitest';
import { entries } from './manifest.ts';
import { Project } from './project.ts';

const { tarball, folder } = inject('packed');
const project = new Project();
project.install('@arethetypeswrong/cli');
afterAll(() => project.remove());

test('publint has nothing to say about the package', async () => {
  const { messages } = await publint({ pkgDir: folder, pack: false, strict: true });
  expect(messages).toEqual([]);
});

test('attw finds no entry whose types a bundler or Node would miss', async () => {
  project.write(
    'node_modules/attw/package.json',
    '{"name":"attw","bin":"../@arethetypeswrong/cli/dist/index.js"}',
  );
  const { code, stdout, stderr } = await project.run(
    'attw',
    tarball,
    '--profile',
    'esm-only',
    '--no-definitely-typed',
    '--format',
    'json',
  );
  expect(stderr).toBe('');
  const { analysis } = JSON.parse(stdout) as { analysis: Analysis };
  expect(Object.keys(analysis.entrypoints)).toEqual([...entries(), './package.json']);
  // The profile: who resolves as in 2015, or requires, is not served.
  const problems = analysis.problems.filter(
    ({ resolutionKind }) => !/^(node10|node16-cjs)$/.test(resolutionKind ?? ''),
  );
  expect({ code, problems }).toEqual({ code: 0, problems: [] });
});

interface Analysis {
  entrypoints: Record<string, unknown>;
  problems: { kind: string; resolutionKind?: string }[];
}
