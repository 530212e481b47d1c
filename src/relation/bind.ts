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
  /** The statement's own common table expressions, each list behind a comma. */
  readonly expressions: string;
  /** A span of the user's text, its parameters numbered. */
  cut(start: number, end: number): string;
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
  const cut = (from: number, to: number) =>
    applyEdits(sql.slice(0, to), [
      ...edits.filter(({ start, end }) => start >= from && end <= to),
      { start: 0, end: from, text: '' },
    ]);
  const tail = cut(tokens[i + 1]!, sql.length);
  const target = statement.tables.find(({ role }) => role === 'write');
  let verb = i;
  // Between the list of WITH and the table stand only the verb and OR, FROM or INTO.
  if (merge && target)
    while (tokens[verb + 1]! < target.start && !startsWrite(tokens, verb))
      verb = skipParentheses(tokens, verb);
  let selects = 0;
  for (let k = 0; k < tokens.length; k += 3) if (tokens[k] === Token.SELECT) selects++;
  return {
    head: sql.slice(0, start),
    tail,
    recursive,
    merge,
    expressions: verb > i ? `,${cut(tokens[i + 1]!, tokens[verb + 1]!)}` : '',
    cut,
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

function startsWrite(t: Tokens, i: number): boolean {
  return t[i] === Token.UPDATE || t[i] === Token.DELETE;
}

/** Index of the token behind token `i`, or behind the parenthesis that it opens. */
function skipParentheses(t: Tokens, i: number): number {
  let depth = 0;
  do {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN) depth--;
    i += 3;
  } while (depth > 0 && i < t.length);
  return i;
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
