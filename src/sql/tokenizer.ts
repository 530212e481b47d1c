import * as K from './token.ts';

/** Character classes of SQLite's tokenizer; every code from 128 up is a letter to it. */
const SPACE = 1;
const LETTER = 2;
const DIGIT = 3;
const classes = new Uint8Array(128);
for (const c of ' \t\n\f\r') classes[c.charCodeAt(0)] = SPACE;
for (let c = 48; c < 58; c++) classes[c] = DIGIT;
for (let c = 65; c < 91; c++) classes[c] = classes[c + 32] = LETTER;
classes[95] = LETTER;

const number = /0x[\da-f][\da-f_]*|[\d_]*(?:\.[\d_]*)?(?:e[+-]?\d[\d_]*)?/iy;
const blob = /'(?:[\da-f]{2})*'/iy;
/** Tcl's `$ns::name(suffix)` is one parameter token, for every prefix character. */
const parameter = /(?:::)*[\w$\x80-\uffff](?:[\w$\x80-\uffff]|::)*(?:\([^\s)]*\))?/y;
const operator = /->>?|\|\||<[=><]|>[=>]|!=/y;

/** End of the match of a sticky pattern at `at`, or -1. */
function match(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : -1;
}

function isIdentifierCode(c: number): boolean {
  return c > 127 || c === 36 || classes[c]! > SPACE;
}

/**
 * Splits SQL text by SQLite's lexical grammar. The result is flat, three integers per token: kind (token.ts),
 * start, end, in UTF-16 code units. White space and comments are the gaps between tokens. Never throws: what
 * SQLite cannot read is an ILLEGAL token. A NUL character ends the text for SQLite, so all from there on is one.
 */
export function tokenize(sql: string): number[] {
  const tokens: number[] = [];
  const nul = sql.indexOf('\0');
  const length = nul < 0 ? sql.length : nul;
  let at = 0;
  while (at < length) {
    const start = at;
    const c = sql.charCodeAt(at++);
    const kind = c > 127 ? (c === 0xfeff ? SPACE : LETTER) : classes[c]!;
    let token = c;
    if (kind === SPACE) {
      // A vertical tab is white space behind white space only.
      while (at < length && (sql.charCodeAt(at) === 11 || classes[sql.charCodeAt(at)] === SPACE)) at++;
      continue;
    }
    if (kind === LETTER) {
      if ((c | 32) === 120 && sql.charCodeAt(at) === 39) {
        const end = match(blob, sql, at);
        token = end < 0 ? K.ILLEGAL : K.BLOB;
        at = end < 0 ? sql.indexOf("'", at + 1) + 1 || length : end;
      } else {
        let ascii = c < 128;
        for (let d: number; at < length && isIdentifierCode((d = sql.charCodeAt(at))); at++) {
          if (d > 127) ascii = false;
        }
        token = ascii && at - start < 10 ? K.wordKind(sql.slice(start, at)) : K.WORD;
      }
    } else if (kind === DIGIT || (c === 46 && classes[sql.charCodeAt(at)] === DIGIT)) {
      at = match(number, sql, start);
      token = K.NUMBER;
      while (at < length && isIdentifierCode(sql.charCodeAt(at))) {
        at++;
        token = K.ILLEGAL;
      }
    } else {
      const next = at < length ? sql.charCodeAt(at) : 0;
      switch (c) {
        case 39: // '
        case 34: // "
        case 96: {
          const quote = sql[start]!;
          token = c === 39 ? K.STRING : K.NAME;
          for (;;) {
            at = sql.indexOf(quote, at) + 1;
            if (at === 0 || at > length) {
              at = length;
              token = K.ILLEGAL;
            } else if (sql.charCodeAt(at) === c) {
              at++;
              continue;
            }
            break;
          }
          break;
        }
        case 91: // [
          at = sql.indexOf(']', at) + 1;
          token = at === 0 ? K.ILLEGAL : K.NAME;
          at ||= length;
          break;
        case 45: // -
          if (next === 45) {
            at = sql.indexOf('\n', at) + 1 || length;
            continue;
          }
          break;
        case 47: // /
          if (next === 42 && at + 1 < length) {
            at = sql.indexOf('*/', at + 1) + 2;
            if (at < 2) at = length;
            continue;
          }
          break;
        case 63: // ?
          while (classes[sql.charCodeAt(at)] === DIGIT) at++;
          token = K.PARAMETER;
          break;
        case 35: // #
        case 36: // $
        case 58: // :
        case 64: {
          // @
          const end = match(parameter, sql, at);
          token = end < 0 || c === 35 || sql.charCodeAt(end) === 40 ? K.ILLEGAL : K.PARAMETER;
          if (end > 0) at = end;
          break;
        }
        case 61: // =
          if (next === 61) at++;
          break;
        default: {
          const end = match(operator, sql, start);
          if (end > 0) {
            at = end;
            token = K.OPERATOR;
          } else if (!'%&()*+,./;<>|~'.includes(sql[start]!)) token = K.ILLEGAL;
        }
      }
      if (c === 45) {
        const end = match(operator, sql, start);
        if (end > 0) {
          at = end;
          token = K.OPERATOR;
        }
      }
    }
    if (at > length) at = length;
    tokens.push(token, start, at);
  }
  if (nul >= 0) tokens.push(K.ILLEGAL, nul, sql.length);
  return tokens;
}
