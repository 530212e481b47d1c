import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../files.ts';

/** A fenced block of a page. */
export interface Block {
  page: string;
  /** Of its first line of content, from 1. */
  line: number;
  language: string;
  content: string;
  /** The nearest heading above. */
  heading: string;
  /** `src/index.ts`, when the first line is a comment that consists of a path. */
  path?: string;
}

/** The fenced blocks of a page of the repository. */
export function blocks(page: string): Block[] {
  return blocksOf(page, readFileSync(join(root, page), 'utf8'));
}

export function blocksOf(page: string, text: string): Block[] {
  const found: Block[] = [];
  let heading = '';
  let open: { fence: string; language: string; line: number; indent: number; lines: string[] } | undefined;
  for (const [at, line] of text.split('\n').entries()) {
    const fence = /^( *)(`{3,})([\w-]*)/.exec(line);
    if (!open && fence)
      open = { fence: fence[2]!, language: fence[3]!, line: at + 2, indent: fence[1]!.length, lines: [] };
    else if (open && line.trim() === open.fence) {
      const content = open.lines.map((one) => one.slice(open!.indent)).join('\n');
      const path = /^(?:\/\/|#) ([\w./-]+\.\w+)\n/.exec(`${content}\n`)?.[1];
      found.push({ page, line: open.line, language: open.language, content, heading, ...(path && { path }) });
      open = undefined;
    } else if (open) open.lines.push(line);
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  return found;
}

/** The words of one line of shell: quotes, no expansion. */
export function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare!,
  );
}

/** The commands of a `sh` block, comments left out. */
export function commands(block: Block): string[][] {
  const lines = block.content.split('\n').map((line) => line.replace(/(^|\s)#.*$/, '').trim());
  return lines.filter((line) => line !== '').map(words);
}
