import { createRequire } from 'node:module';
import { stripVTControlCharacters } from 'node:util';

/** What drizzle-kit asks: the old name of what it sees as new, if it has one. */
export type OldName = (kind: string, name: string, table: string | undefined) => string | undefined;

interface Kit {
  generateSQLiteDrizzleJson(schema: Record<string, unknown>, previous?: string): Promise<object>;
  generateSQLiteMigration(previous: object, current: object): Promise<string[]>;
}
export const kit = createRequire(import.meta.url)('drizzle-kit/api') as Kit;

/** Answers drizzle-kit's questions about renames as one does who sits at the keyboard. */
export async function answering<T>(oldName: OldName, work: () => Promise<T>): Promise<T> {
  const { stdin, stdout, stderr } = process;
  const saved = {
    write: stdout.write,
    err: stderr.write,
    log: console.log,
    out: stdout.isTTY,
    in: stdin.isTTY,
    raw: stdin.setRawMode,
  };
  Object.assign(stdin, { isTTY: true, setRawMode: () => stdin });
  stdout.isTTY = true;
  console.log = (...text) => process.stdout.write(`${text.join(' ')}\n`);
  stdout.write = stderr.write = ((chunk: string) => {
    const asked = stripVTControlCharacters(`${chunk}`);
    const [, name, kind, table] =
      /Is (.+?) (table|view|column)(?: in (.+) table)? created or renamed/.exec(asked) ?? [];
    if (name === undefined) return true;
    const options = asked.split('\n').filter((line) => /^[❯ ] [+~] /.test(line));
    const old = oldName(kind!, name, table);
    const at = old === undefined ? 0 : options.findIndex((line) => line.includes(` ${old} › `));
    if (at >= 0)
      setImmediate(() => {
        for (let i = 0; i < at; i++) stdin.emit('keypress', '', { name: 'down' });
        stdin.emit('keypress', '', { name: 'return' });
      });
    else setImmediate(() => stdin.emit('keypress', '', { name: 'return' }));
    return true;
  }) as typeof stdout.write;
  try {
    return await work();
  } finally {
    stdout.write = saved.write;
    stderr.write = saved.err;
    console.log = saved.log;
    stdout.isTTY = saved.out;
    Object.assign(stdin, { isTTY: saved.in, setRawMode: saved.raw });
  }
}
