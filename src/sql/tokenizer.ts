import { Token, wordKind } from './token.ts';

/** Character classes of SQLite's tokenizer; every code from 128 up is a letter to it. */
const SPACE = 1;
const LETTER = 2;
const DIGIT = 3;
const classes = new Uint8Array(128);
for (const c of ' \t\n\f\r') classes[c.charCodeAt(0)] = SPACE;
for (let c = 48; c < 58; c++) classes[c] = DIGIT;
for (let c = 65; c < 91; c++) classes[c] = classes[c + 32] = LETTER;
classes[95] = LETTER;
const BYTE_ORDER_MARK = 0xfeff;

const number = /0x[\da-f][\da-f_]*|[\d_]*(?:\.[\d_]*)?(?:e[+-]?\d[\d_]*)?/iy;
const blob = /'(?:[\da-f]{2})*'/iy;
/** Tcl's `$ns::name(suffix)` is one parameter token, for every prefix character. */
const parameter = /(?:::)*[\w$\x80-\uffff](?:[\w$\x80-\uffff]|::)*(?:\([^\t-\r )]*\))?/y;
const operator = /->>?|\|\||<[=><]|>[=>]|!=/y;

/** End of the match of a sticky pattern at `at`, or -1. */
function match(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : -1;
}

function isIdentifierCode(c: number): boolean {
  return c > 127 || c === 36 || classes[c]! > SPACE;
}

/** Tokens as {@link tokenize} gives them. */
export type Tokens = Int32Array;

/**
 * Splits SQL text by SQLite's lexical grammar. The result is flat, three integers per token: kind (token.ts),
 * start, end, in UTF-16 code units. White space and comments are the gaps between tokens. Never throws: what
 * SQLite cannot read is an ILLEGAL token. A NUL character ends the text for SQLite, so all from there on is one.
 */
export function tokenize(text: string): Tokens {
  // One array of the most that can be: growing would copy the tokens of a statement of many rows again and again.
  const tokens = new Int32Array(3 * text.length);
  let count = 0;
  const nul = text.indexOf('\0');
  const sql = nul < 0 ? text : text.slice(0, nul);
  const length = sql.length;
  let at = 0;
  while (at < length) {
    const start = at;
    const c = sql.charCodeAt(at++);
    const next = sql.charCodeAt(at);
    const kind = c > 127 ? (c === BYTE_ORDER_MARK ? SPACE : LETTER) : classes[c]!;
    let token = c;
    if (kind === SPACE) {
      // A vertical tab is white space behind white space only.
      for (let d = next; d === 11 || classes[d] === SPACE; ) d = sql.charCodeAt(++at);
      continue;
    }
    if (c === 45 && next === 45) {
      // The line break is white space behind the comment, not part of it.
      at = sql.indexOf('\n', at);
      if (at < 0) at = length;
      continue;
    }
    if (c === 47 && next === 42 && at + 1 < length) {
      const end = sql.indexOf('*/', at + 1);
      at = end < 0 ? length : end + 2;
      continue;
    }
    if ((c | 32) === 120 && next === 39) {
      const end = match(blob, sql, at);
      token = end < 0 ? Token.ILLEGAL : Token.BLOB;
      at = end < 0 ? sql.indexOf("'", at + 1) + 1 || length : end;
    } else if (kind === LETTER) {
      let ascii = c < 128;
      for (let d = next; isIdentifierCode(d); d = sql.charCodeAt(++at)) if (d > 127) ascii = false;
      token = ascii && at - start < 10 ? wordKind(sql.slice(start, at)) : Token.WORD;
    } else if (kind === DIGIT || (c === Token.DOT && classes[next] === DIGIT)) {
      at = match(number, sql, start);
      token = Token.NUMBER;
      for (; isIdentifierCode(sql.charCodeAt(at)); at++) token = Token.ILLEGAL;
    } else if (c === 39 || c === 34 || c === 96) {
      token = c === 39 ? Token.STRING : Token.NAME;
      do at = sql.indexOf(sql[start]!, at) + 1;
      while (at && sql.charCodeAt(at++) === c);
      if (at) at--;
      else {
        token = Token.ILLEGAL;
        at = length;
      }
    } else if (c === 91) {
      at = sql.indexOf(']', at) + 1;
      token = at ? Token.NAME : Token.ILLEGAL;
      at ||= length;
    } else if (c === 63) {
      while (classes[sql.charCodeAt(at)] === DIGIT) at++;
      token = Token.PARAMETER;
    } else if (c === 35 || c === 36 || c === 58 || c === 64) {
      const end = match(parameter, sql, at);
      // `#1` is a register of SQLite's own.
      const register = c === 35 && classes[next] === DIGIT;
      token =
        end < 0 || register || sql.charCodeAt(end) === Token.LEFT_PAREN ? Token.ILLEGAL : Token.PARAMETER;
      if (end > 0) at = end;
    } else if (c === Token.EQUALS) {
      if (next === Token.EQUALS) at++;
    } else {
      const end = match(operator, sql, start);
      if (end > 0) {
        at = end;
        token = Token.OPERATOR;
      } else if (!'%&()*+,-./;<>|~'.includes(sql[start]!)) token = Token.ILLEGAL;
    }
    tokens[count++] = token;
    tokens[count++] = start;
    tokens[count++] = at;
  }
  if (nul >= 0) {
    tokens[count++] = Token.ILLEGAL;
    tokens[count++] = nul;
    tokens[count++] = text.length;
  }
  return tokens.subarray(0, count);
}
