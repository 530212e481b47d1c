import { Token, wordKind } from './token.ts';

/**
 * SQLite's lexical grammar: white space and comments, then one group per kind of {@link Token}, in the order of their
 * numbers. Every code from 128 up is a letter to SQLite, and a NUL character ends the text.
 */
const LEXER = new RegExp(
  [
    // A vertical tab is white space behind white space only.
    /[ \t\n\f\r\ufeff][ \t-\r]*|--[^\n\0]*|\/\*(?=[^\0])[^\0]*?(?:\*\/|(?![^\0]))/,
    /((?!x')[a-z_\x80-\uffff][\w$\x80-\uffff]*)/,
    /((?:"[^"\0]*")+(?!")|(?:`[^`\0]*`)+(?!`)|\[[^\]\0]*])/,
    /((?:'[^'\0]*')+(?!'))/,
    /(x'(?:[\da-f]{2})*')/,
    /((?:0x[\da-f][\da-f_]*|(?=\.?\d)(?:[\d_]+(?!\.)|[\d_]*\.[\d_]*)(?:e[+-]?\d[\d_]*)?)(?![\w$\x80-\uffff]))/,
    // Tcl's `$ns::name(suffix)` is one token, for every prefix character; `#1` is a register of SQLite's own.
    /(\?\d*|(?!#\d)[#$:@](?:::)*[\w$\x80-\uffff](?:[\w$\x80-\uffff]|::)*(?:\([^\0\t-\r )]*\))?(?![\w$\x80-\uffff(]|::))/,
    /(->>?|\|\||<[=><]|>[=>]|!=)/,
    /(==|(?!\.\d)[%&(-/;<=>|~])/,
    /(x'[^'\0]*'?|['"`[][^\0]*|\.?\d[\w$.\x80-\uffff]*|\0.*|.\w*)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gis',
);

/** Tokens as {@link tokenize} gives them. */
export type Tokens = Int32Array;

/**
 * Splits SQL text by SQLite's lexical grammar. The result is flat, three integers per token: kind (token.ts),
 * start, end, in UTF-16 code units. White space and comments are the gaps between tokens. Never throws (unless one
 * literal holds millions of doubled quotes, far beyond what the platform takes): what SQLite cannot read is an ILLEGAL
 * token. A NUL character ends the text for SQLite, so all from there on is one.
 */
export function tokenize(sql: string): Tokens {
  // One array of the most that can be: growing would copy the tokens of a statement of many rows again and again.
  const tokens = new Int32Array(3 * sql.length);
  let count = 0;
  for (const match of sql.matchAll(LEXER)) {
    const [text] = match;
    const kind = match.indexOf(text, 1);
    if (kind < 0) continue;
    tokens[count++] =
      kind === Token.WORD ? wordKind(text) : kind === Token.PUNCTUATION ? text.charCodeAt(0) : kind;
    tokens[count++] = match.index;
    tokens[count++] = match.index + text.length;
  }
  return tokens.subarray(0, count);
}
