import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../files.ts';
import type { Project } from './project.ts';

/**
 * Type-checks files of a project as a strict user's tsc would, and the package's own declarations with them. Resolves
 * with one line per mistake.
 */
export function mistakes(project: Project, files: readonly string[]): string[] {
  project.install('typescript', '@cloudflare/workers-types');
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2024.d.ts'],
    types: ['@cloudflare/workers-types'],
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    // drizzle-orm's own declarations import every database client there is. Ours are checked below.
    skipLibCheck: false,
    moduleDetection: ts.ModuleDetectionKind.Force,
  };
  const host = ts.createCompilerHost(options);
  host.getCurrentDirectory = () => project.folder;
  const program = ts.createProgram(
    files.map((file) => project.at(file)),
    options,
    host,
  );
  const ours = program
    .getSourceFiles()
    .filter(
      ({ fileName }) =>
        !fileName.includes('/node_modules/') || fileName.includes('/node_modules/@dotdo/dosql/'),
    );
  const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const file of ours)
    found.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
  return found.map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (!file) return text;
    const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
    return `${file.fileName.slice(project.folder.length + 1)}:${line + 1}: ${text}`;
  });
}

/** The pages that users read. */
export function pages(): string[] {
  const guides = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  return ['README.md', ...guides.filter((path) => path.endsWith('.md')).map((path) => `docs/${path}`)];
}
