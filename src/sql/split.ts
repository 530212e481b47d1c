import { Token } from './token.ts';
import { type Tokens, tokenize } from './tokenizer.ts';

/** Index of the first token behind EXPLAIN or EXPLAIN QUERY PLAN; `at` itself when there is none. */
export function skipExplain(tokens: Tokens, at: number): number {
  if (tokens[at] !== Token.EXPLAIN) return at;
  return tokens[at + 3] === Token.QUERY ? at + 9 : at + 3;
}

/**
 * Index of the token that ends the statement starting at token `at`: its `;`, or the end of the tokens. In a
 * trigger body the `;` of each inner statement does not count: the body ends with the first END behind a `;`.
 */
export function statementEnd(tokens: Tokens, at: number): number {
  const head = skipExplain(tokens, at);
  // CREATE TRIGGER, CREATE TEMP TRIGGER; but not CREATE TABLE trigger.
  const second = tokens[head + 3] === Token.WORD ? head + 6 : head + 3;
  let trigger = tokens[head] === Token.CREATE && tokens[second] === Token.TRIGGER;
  let body = false;
  let i = at;
  for (; i < tokens.length; i += 3) {
    const kind = tokens[i];
    if (kind === Token.SEMICOLON) {
      if (!body) break;
      if (tokens[i + 3] === Token.END) body = trigger = false;
    } else if (trigger && kind === Token.BEGIN) body = true;
  }
  return i;
}

/** Span of one statement, from its first to its last token: no `;`, no white space or comment around it. */
export interface StatementSpan {
  readonly start: number;
  readonly end: number;
}

/** The statements of a script, in order. Empty statements and those of nothing but comments are left out. */
export function splitStatements(sql: string): StatementSpan[] {
  const tokens = tokenize(sql);
  const spans: StatementSpan[] = [];
  for (let at = 0; at < tokens.length; ) {
    const end = statementEnd(tokens, at);
    if (end > at) spans.push({ start: tokens[at + 1]!, end: tokens[end - 1]! });
    at = end + 3;
  }
  return spans;
}
