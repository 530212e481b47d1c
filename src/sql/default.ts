import { unquoteIdentifier } from './identifier.ts';
import { sqlLiteral } from './literal.ts';
import { isName, Token } from './token.ts';
import { tokenize } from './tokenizer.ts';

/** SQL of a column's default as an expression of its own: a bare name is a string there, and nowhere else. */
export function defaultSql(text: string): string {
  const t = tokenize(text);
  const name = t.length === 3 && isName(t[0]!) && t[0] !== Token.STRING;
  return name && !/^(null|true|false|current_\w+)$/i.test(text) ? sqlLiteral(unquoteIdentifier(text)) : text;
}
