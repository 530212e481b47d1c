import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../cli/run.ts';
import type { Migration } from '../../../src/migration/types.ts';

const types = join(import.meta.dirname, '../../../src/migration/types.ts');
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dosql-bundle-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes files below the test's folder. */
function files(contents: Record<string, string | Uint8Array>): void {
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** Runs the command; `$` in an argument stands for the test's folder. */
async function dosql(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const result = { code: -1, out: '', err: '' };
  result.code = await run(
    args.map((arg) => arg.replace('$', root)),
    {
      stdout: { write: (text) => (result.out += text) },
      stderr: { write: (text) => (result.err += text) },
    },
  );
  return result;
}

async function generated(path: string): Promise<Migration[]> {
  return (await import(/* @vite-ignore */ pathToFileURL(join(root, path)).href)).migrations;
}

const nasty =
  "SELECT `a`, '$" + '{"x"}\', "\\n\\", \'\u2028\u2029\u0000\ufeff\u200b😀*/ // --\';\r\n\tSELECT 2\n\n';

describe('dosql bundle', () => {
  it('writes a module whose migrations equal the files, in order of their numbers', async () => {
    files({
      'm/10_last.sql': 'SELECT 10',
      'm/2_next.sql': nasty,
      'm/001_first.sql': '',
      'm/readme.md': 'no',
    });
    const { code, out } = await dosql('bundle', '$/m', '--out', '$/src/migrations.ts');
    expect(code).toBe(0);
    expect(out).toContain('3 migrations, written');
    expect(await generated('src/migrations.ts')).toEqual([
      { id: '001_first', sql: '' },
      { id: '2_next', sql: nasty },
      { id: '10_last', sql: 'SELECT 10' },
    ]);
  });

  it('keeps the names and times of a drizzle-kit 0.3x journal, and its order', async () => {
    const entries = [
      { idx: 0, version: '6', when: 1_700_000_000_123, tag: '0000_zeta', breakpoints: true },
      { idx: 1, version: '6', when: 1_700_000_000_456, tag: '0001_alpha', breakpoints: true },
    ];
    files({
      'drizzle/meta/_journal.json': JSON.stringify({ version: '7', dialect: 'sqlite', entries }),
      'drizzle/0000_zeta.sql': 'CREATE TABLE a (x);',
      'drizzle/0001_alpha.sql': 'CREATE TABLE b (x);',
      'drizzle/9999_stray.sql': 'not in the journal',
    });
    expect((await dosql('bundle', '$/drizzle')).code).toBe(0);
    expect(await generated('drizzle/migrations.ts')).toEqual([
      { id: '0000_zeta', when: 1_700_000_000_123, sql: 'CREATE TABLE a (x);' },
      { id: '0001_alpha', when: 1_700_000_000_456, sql: 'CREATE TABLE b (x);' },
    ]);
  });

  it('keeps the names of drizzle-kit 1.0 folders', async () => {
    files({
      'drizzle/20240201000000_b/migration.sql': 'SELECT 2',
      'drizzle/20240101000000_a/migration.sql': 'SELECT 1',
      'drizzle/20240101000000_a/snapshot.json': '{}',
    });
    expect((await dosql('bundle', '$/drizzle', '-o', '$/out.ts')).code).toBe(0);
    expect(await generated('out.ts')).toEqual([
      { id: '20240101000000_a', sql: 'SELECT 1' },
      { id: '20240201000000_b', sql: 'SELECT 2' },
    ]);
  });

  it('the module is a MigrationSource under the strictest settings', async () => {
    files({
      'm/1.sql': nasty,
      'use.ts': `import type { MigrationSource } from ${JSON.stringify(types)};
import { migrations } from './migrations.ts';
export const source: MigrationSource = migrations;
// @ts-expect-error a number is no source: the check above can fail
export const wrong: MigrationSource = 1;`,
    });
    await dosql('bundle', '$/m', '--out', '$/migrations.ts');
    const program = ts.createProgram([join(root, 'use.ts')], {
      strict: true,
      exactOptionalPropertyTypes: true,
      isolatedDeclarations: true,
      declaration: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      verbatimModuleSyntax: true,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ES2022,
      types: [],
    });
    expect(ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText)).toEqual([]);
  });

  it('gives the same bytes wherever it runs from, and leaves a file alone that has them', async () => {
    files({ 'm/1_a.sql': 'SELECT 1' });
    await dosql('bundle', '$/m', '--out', '$/migrations.ts');
    const path = join(root, 'migrations.ts');
    const text = readFileSync(path, 'utf8');
    expect(text.split('\n')[0]).toBe('// Generated by `dosql bundle` from "m": do not edit, run it again.');
    utimesSync(path, 1, 1);
    expect((await dosql('bundle', '$/./m/', '--out', '$/m/../migrations.ts')).out).toContain('up to date');
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(statSync(path).mtimeMs).toBe(1000);
  });

  it('--check exits with 1 when the module is missing or out of date, says what to run, and writes nothing', async () => {
    files({ 'm/1_a.sql': 'SELECT 1' });
    const check = () => dosql('bundle', '$/m', '--out', '$/migrations.ts', '--check');
    expect(await check()).toMatchObject({
      code: 1,
      err: expect.stringContaining(`npx dosql bundle ${root}/m --out`),
    });
    await dosql('bundle', '$/m', '--out', '$/migrations.ts');
    expect((await check()).code).toBe(0);
    const before = readFileSync(join(root, 'migrations.ts'), 'utf8');
    files({ 'm/2_b.sql': 'SELECT 2' });
    expect((await check()).code).toBe(1);
    expect(readFileSync(join(root, 'migrations.ts'), 'utf8')).toBe(before);
  });

  it.each<[string, Record<string, string | Uint8Array>, string]>([
    ['a folder that is not there', {}, 'There is no folder'],
    ['a folder without migrations', { 'm/readme.md': '' }, 'holds no migrations'],
    [
      'a journal that names a missing file',
      { 'm/meta/_journal.json': '{"entries":[{"idx":0,"when":1,"tag":"0000_gone"}]}' },
      '"0000_gone"',
    ],
    ['a journal that is no JSON', { 'm/meta/_journal.json': '{' }, 'no journal'],
    ['bytes that are not UTF-8', { 'm/1.sql': new Uint8Array([0xff, 0xfe]) }, 'is not UTF-8'],
  ])('%s is a failure that is named', async (_, contents, named) => {
    files(contents);
    const { code, err } = await dosql('bundle', '$/m', '--out', '$/out.ts');
    expect(code).toBe(1);
    expect(err).toContain(named);
    expect(err).not.toContain('    at ');
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['frobnicate']],
    ['no folder', ['bundle']],
    ['an unknown option', ['bundle', '$/m', '--nope']],
    ['an output that is no .ts file', ['bundle', '$/m', '--out', 'x.txt']],
  ])('%s exits with 2 and shows how to use it', async (_, args) => {
    const { code, err } = await dosql(...args);
    expect(code).toBe(2);
    expect(err).toMatch(/usage/i);
  });

  it('--help and --version exit with 0', async () => {
    expect(await dosql('--help')).toMatchObject({ code: 0, out: expect.stringContaining('bundle') });
    expect(await dosql('bundle', '--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('--check'),
    });
    expect((await dosql('--version')).out).toMatch(/^\d+\.\d+\.\d+/);
  });
});
