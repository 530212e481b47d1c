import { expect } from 'vitest';
import { type Block, blocks, commands } from './markdown.ts';
import type { Project } from './project.ts';

export interface Request {
  method: string;
  /** Path and query. */
  path: string;
  body?: string;
}

/** What is left to do when all files are written and all commands that end have run. */
export interface Prepared {
  /** The arguments of `wrangler dev` on the page. */
  serve: string[] | undefined;
  requests: Request[];
}

/** The blocks of one chapter of the README, in the order of the page. */
export function chapter(heading: string): Block[] {
  return blocks('README.md').filter((block) => block.heading === heading);
}

/** Does what the blocks say, in their order, as somebody who has never seen the project would. */
export async function follow(project: Project, steps: readonly Block[]): Promise<Prepared> {
  const prepared: Prepared = { serve: undefined, requests: [] };
  for (const step of steps) {
    if (step.path) project.write(step.path, `${step.content}\n`);
    else if (step.language === 'sh')
      for (const command of commands(step)) await type(project, command, prepared);
    else throw new Error(`README.md:${step.line}: a newcomer would not know what to do with this block.`);
  }
  return prepared;
}

async function type(project: Project, [program, ...args]: string[], prepared: Prepared): Promise<void> {
  const [first, ...rest] = args;
  if (program === 'npm' && first === 'install')
    project.install(...rest.filter((word) => !word.startsWith('-')));
  else if (program === 'npx' && first === 'wrangler' && rest[0] === 'dev') prepared.serve = rest.slice(1);
  else if (program === 'npx' && first) {
    const output = await project.run(first, ...rest);
    expect(output.code, `npx ${args.join(' ')}\n${output.stdout}\n${output.stderr}`).toBe(0);
  } else if (program === 'curl') prepared.requests.push(requestOf(args));
  else throw new Error(`No newcomer knows how to run: ${program} ${args.join(' ')}`);
}

/** A request as curl would send it. Only the options that the README uses. */
export function requestOf(args: readonly string[]): Request {
  const request: Request = { method: '', path: '' };
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    if (word === '-X') request.method = args[++at]!;
    else if (word === '-d') request.body = args[++at]!;
    else if (word.startsWith('-')) throw new Error(`curl ${word}: not known here.`);
    else {
      const { pathname, search, host } = new URL(word);
      expect(host, 'the port that wrangler dev takes by default').toBe('localhost:8787');
      request.path = pathname + search;
    }
  }
  request.method ||= request.body === undefined ? 'GET' : 'POST';
  return request;
}

export async function send(url: string, { method, path, body }: Request): Promise<unknown> {
  const response = await fetch(url + path, { method, ...(body !== undefined && { body }) });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return JSON.parse(text);
}
