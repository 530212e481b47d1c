import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Source {
  /** The function's doc comment, as plain text. */
  title: string;
  /** The function's text without its `export`. */
  code: string;
}

/** Text of an exported function of ../src, to show beside the SQL that it became. */
export function sourceOf(file: string, name: string): Source {
  const text = readFileSync(join(import.meta.dirname, `../src/${file}.ts`), 'utf8');
  const match = new RegExp(
    `/\\*\\* ([^\\n]*?)\\.? \\*/\\nexport ((?:async )?function ${name}\\(.*?\\n\\})`,
    's',
  ).exec(text);
  if (!match) throw new Error(`src/${file}.ts has no documented function ${name}`);
  return { title: match[1]!, code: match[2]! };
}
