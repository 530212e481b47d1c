import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mistakes } from './compiler.ts';
import { blocks } from './markdown.ts';
import { chapter, follow, send } from './newcomer.ts';
import { OFFICIAL } from './official.ts';
import { Project } from './project.ts';

/** The changes that the README asks for, one per diff block: lines that go, lines that come. */
const changes = blocks('README.md')
  .filter(({ language }) => language === 'diff')
  .map(({ content }) => {
    const marked = (mark: string) =>
      content.split('\n').flatMap((line) => (line.startsWith(mark) ? [line.slice(1)] : []));
    return { before: marked('-').join('\n'), after: marked('+').join('\n') };
  });

describe('moving over from the official driver', () => {
  const project = new Project();
  const source = 'src/index.ts';
  const checked = [source, 'src/schema.ts'];
  beforeAll(async () => {
    // The same schema and configuration as in the quick start; of its commands only the official ones.
    await follow(
      project,
      chapter('Quick start').filter(({ path }) => path === 'src/schema.ts' || path === 'drizzle.config.ts'),
    );
    project.install('drizzle-orm', 'drizzle-kit', 'wrangler');
    for (const [path, content] of Object.entries(OFFICIAL)) project.write(path, content);
    expect(await project.run('drizzle-kit', 'generate')).toMatchObject({ code: 0 });
  });
  afterAll(() => project.remove());

  const signUp = (name: string) => ({
    method: 'POST',
    path: '/',
    body: JSON.stringify({ name, titles: ['One', 'Two'] }),
  });
  const list = { method: 'GET', path: '/' };
  const person = (id: number, name: string) => ({
    user: { id, name, email: null, createdAt: expect.any(String) },
    posts: [1, 2].map((at) => ({
      id: (id - 1) * 2 + at,
      authorId: id,
      title: at === 1 ? 'One' : 'Two',
      tags: [],
    })),
  });

  test('changes imports and nothing else, keeps the rows, and leads back again', async () => {
    const official = project.read(source);
    expect(mistakes(project, checked)).toEqual([]);
    const before = await project.serve();
    expect(await send(before.url, signUp('Ada'))).toEqual(person(1, 'Ada').user);
    const answer = await send(before.url, list);
    expect(answer).toEqual({ people: [person(1, 'Ada')], count: 1 });
    await before.stop();

    let ours = official;
    for (const { before, after } of changes) {
      expect(ours.split(before), before).toHaveLength(2);
      ours = ours.replace(before, after);
    }
    expect(ours).not.toContain('durable-sqlite');
    project.write(source, ours);
    expect(mistakes(project, checked)).toEqual([]);
    const after = await project.serve();
    expect(await send(after.url, list)).toEqual(answer);
    expect(await send(after.url, signUp('Bob'))).toEqual(person(2, 'Bob').user);
    await after.stop();

    project.write(source, official);
    const back = await project.serve();
    expect(await send(back.url, list)).toEqual({ people: [person(1, 'Ada'), person(2, 'Bob')], count: 2 });
    expect(await send(back.url, signUp('Cid'))).toEqual(person(3, 'Cid').user);
    await back.stop();
  });

  test('is two changes of one line each', () => {
    expect(changes).toHaveLength(2);
    for (const { before, after } of changes) {
      expect(before).toMatch(/^import .* from 'drizzle-orm\/durable-sqlite/);
      expect(after).toMatch(/^import .* from '@dotdo\/dosql\//);
    }
  });
});
