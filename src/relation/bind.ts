import { applyEdits, type Edit } from '../sql/edit.ts';
import { skipExplain } from '../sql/split.ts';
import { Token } from '../sql/token.ts';
import type { Tokens } from '../sql/tokenizer.ts';
import type { Statement } from '../sql/types.ts';

/** A statement with a place for relations in front of it, and its parameters numbered. */
export interface Template {
  /** What stands before WITH. */
  readonly head: string;
  /** What follows the relations: the statement, or the rest of its own WITH. */
  readonly tail: string;
  readonly recursive: boolean;
  /** The statement has a WITH of its own. */
  readonly merge: boolean;
  /** It reads a relation more than once, or beside others: rows should be decoded once. */
  readonly joins: boolean;
  /** Column names as the user's text has them. */
  names(names: readonly string[]): readonly string[];
}

/** Numbers the parameters outside of `replaced` spans and finds the place of the relations. */
export function templateOf(statement: Statement, tokens: Tokens, replaced: readonly Edit[]): Template {
  const { sql, parameters } = statement;
  const inside = (at: number) => replaced.some(({ start, end }) => start <= at && at < end);
  const marks = parameters.filter(({ start }) => !inside(start));
  const edits = [...replaced, ...marks.map(({ start, end, index }) => ({ start, end, text: `?${index}` }))];
  let i = withPlace(tokens);
  const merge = tokens[i] === Token.WITH;
  const recursive = merge && tokens[i + 3] === Token.RECURSIVE;
  const start = tokens[i + 1]!;
  if (merge) i += recursive ? 6 : 3;
  const tail = applyEdits(sql, [...edits, { start: 0, end: tokens[i + 1]!, text: '' }]);
  let selects = 0;
  for (let k = 0; k < tokens.length; k += 3) if (tokens[k] === Token.SELECT) selects++;
  return {
    head: sql.slice(0, start),
    tail,
    recursive,
    merge,
    joins: selects > 1 || statement.tables.length > 1,
    names: (names) =>
      names.map((name) =>
        name.replace(/\?(\d+)/g, (mark, index) => {
          const token = marks.find((parameter) => parameter.index === Number(index));
          return token ? sql.slice(token.start, token.end) : mark;
        }),
      ),
  };
}

/** Index of the token before which a WITH may stand. */
function withPlace(tokens: Tokens): number {
  let i = 0;
  while (tokens[i] === Token.SEMICOLON) i += 3;
  i = skipExplain(tokens, i);
  // CREATE TABLE … AS SELECT: the table cannot have a list of columns.
  if (tokens[i] === Token.CREATE) while (tokens[i - 3] !== Token.AS) i += 3;
  return i;
}

/** The statement behind its relations. */
export function textOf(template: Template, relations: readonly string[]): string {
  const { head, tail, recursive, merge } = template;
  return `${head}WITH ${recursive ? 'RECURSIVE ' : ''}${relations.join(',')}${merge ? ',' : ' '}${tail}`;
}
