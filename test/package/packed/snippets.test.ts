import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../files.ts';
import { mistakes, pages } from './compiler.ts';
import { blocks, blocksOf, commands, words } from './markdown.ts';
import { chapter, follow } from './newcomer.ts';
import { Project } from './project.ts';

const typed = (page: string) => blocks(page).filter(({ language }) => /^(ts|tsx|typescript)$/.test(language));
const read = (page: string) => readFileSync(join(root, page), 'utf8');

describe('the snippets', () => {
  const project = new Project();
  const quickStart = chapter('Quick start').filter(({ path }) => path?.endsWith('.ts'));
  beforeAll(async () => {
    project.install('drizzle-orm', 'drizzle-kit', '@libsql/client');
    const generating = chapter('Quick start').filter(
      (block) => block.path || block.content.includes('drizzle-kit generate'),
    );
    await follow(project, generating);
  });
  afterAll(() => project.remove());

  /*
   * A block whose first line is a path is that file; any other one is a module of its own beside src/index.ts. A page
   * builds on the files of the quick start. `<!-- snippets … -->` declares, in a global declaration file that readers
   * do not see, the names that its blocks take for granted.
   */
  test.each(pages().filter((page) => typed(page).length > 0))(
    'of %s type-check against the package',
    (page) => {
      const folder = `pages/${page}`;
      const at = (path: string) => `${folder}/${path}`;
      for (const { path, content } of quickStart) project.write(at(path!), content);
      project.write(at('src/migrations.ts'), project.read('src/migrations.ts'));
      const files = typed(page).map(({ path, content, line }) => {
        const file = at(path ?? `src/line-${line}.ts`);
        project.write(file, content);
        return file;
      });
      const context = [...read(page).matchAll(/<!-- snippets\n([\s\S]*?)-->/g)]
        .map(([, text]) => text)
        .join('\n');
      project.write(at('src/context.d.ts'), context);
      expect(mistakes(project, [...files, at('src/context.d.ts')])).toEqual([]);
    },
  );

  test('are checked: a wrong one is found', () => {
    project.write('src/wrong.ts', `import { DB } from '@dotdo/dosql';\nexport const db: number = DB('a');\n`);
    expect(mistakes(project, ['src/wrong.ts'])).toEqual([
      expect.stringMatching(/^src\/wrong\.ts:2: /),
      expect.stringMatching(/^src\/wrong\.ts:2: /),
    ]);
  });
});

describe('the pages', () => {
  test('link to files and headings that exist', () => {
    const broken = [...pages(), 'ARCHITECTURE.md', 'SECURITY.md', 'CHANGELOG.md'].flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]*)\)/g)]
        .filter(([, link]) => {
          const [path, fragment] = link!.split('#');
          const target = path ? join(root, dirname(page), path) : join(root, page);
          if (!existsSync(target)) return true;
          if (!fragment) return false;
          const headings = readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm);
          return ![...headings].some(([, heading]) => slug(heading!) === fragment);
        })
        .map(([, link]) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  test('name scripts and commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = pages().flatMap((page) =>
      blocks(page)
        .filter(({ language }) => language === 'sh')
        .flatMap(commands),
    );
    for (const [program, first, second] of named) {
      if (program !== 'npm' || first === 'install' || first === 'ci') continue;
      expect(Object.keys(scripts)).toContain(first === 'run' ? second : first);
    }
  });

  test('are read as Markdown', () => {
    const text = "# A\n```ts\n// src/a.ts\nlet a;\n```\n## B\n  ```sh\n  a # b\n\n  c 'd e'\n  ```\n";
    expect(blocksOf('x.md', text)).toEqual([
      {
        page: 'x.md',
        line: 3,
        language: 'ts',
        content: '// src/a.ts\nlet a;',
        heading: 'A',
        path: 'src/a.ts',
      },
      { page: 'x.md', line: 8, language: 'sh', content: "a # b\n\nc 'd e'", heading: 'B' },
    ]);
    expect(commands(blocksOf('x.md', text)[1]!)).toEqual([['a'], ['c', 'd e']]);
    expect(words(`curl -d '{"a":"b c"}' "x y"`)).toEqual(['curl', '-d', '{"a":"b c"}', 'x y']);
  });
});

/** As GitHub makes anchors of headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}
