import { describe, expect, test } from 'vitest';
import { Token, wordKind } from '../../../src/sql/token.ts';
import { tokenize } from '../../../src/sql/tokenizer.ts';

/** Tokens as `[kind, text]`. */
function read(sql: string): [number, string][] {
  const flat = tokenize(sql);
  const tokens: [number, string][] = [];
  for (let i = 0; i < flat.length; i += 3) tokens.push([flat[i]!, sql.slice(flat[i + 1], flat[i + 2])]);
  return tokens;
}
const texts = (sql: string) => read(sql).map(([, text]) => text);
const kinds = (sql: string) => read(sql).map(([kind]) => kind);

describe('tokenize', () => {
  test('leaves out white space and comments of both kinds, ended or not', () => {
    expect(texts('a -- b\n c /* d */ e /* f')).toEqual(['a', 'c', 'e']);
    expect(texts('a--')).toEqual(['a']);
    expect(texts('a /*/ b */ c')).toEqual(['a', 'c']);
    expect(texts('\ufeffa \v b')).toEqual(['a', 'b']);
    expect(texts('a /*')).toEqual(['a', '/', '*']);
  });

  test('reads the four ways to quote, with doubled quotes', () => {
    expect(read(`'it''s' "a""b" \`c\`\`d\` [e"f]`)).toEqual([
      [Token.STRING, `'it''s'`],
      [Token.NAME, '"a""b"'],
      [Token.NAME, '`c``d`'],
      [Token.NAME, '[e"f]'],
    ]);
    expect(read("''''")).toEqual([[Token.STRING, "''''"]]);
    for (const open of ["'a''", '"a', '`a', '[a'])
      expect(read(`x ${open} b`)[1]).toEqual([Token.ILLEGAL, `${open} b`]);
  });

  test('reads numbers with exponents, hexadecimal digits and separators', () => {
    for (const number of [
      '1',
      '1.',
      '.5',
      '1.5',
      '1e5',
      '1E+5',
      '.5e-3',
      '0x1F',
      '0xF_f',
      '1_000.0_1',
      '1e1_0',
    ]) {
      expect(read(number)).toEqual([[Token.NUMBER, number]]);
    }
    for (const word of ['1a', '0x', '1e', '1_a', '0x1g', '.5x'])
      expect(read(word)).toEqual([[Token.ILLEGAL, word]]);
    expect(texts('1e+')).toEqual(['1e', '+']);
    expect(texts('1.2.3')).toEqual(['1.2', '.3']);
  });

  test('reads BLOB literals, and takes malformed ones up to their quote', () => {
    expect(read("x'' X'0aFF'")).toEqual([
      [Token.BLOB, "x''"],
      [Token.BLOB, "X'0aFF'"],
    ]);
    expect(read("x'0' a")).toEqual([
      [Token.ILLEGAL, "x'0'"],
      [Token.WORD, 'a'],
    ]);
    expect(kinds("x'zz")).toEqual([Token.ILLEGAL]);
    expect(texts("ax'00'")).toEqual(['ax', "'00'"]);
  });

  test('reads every style of parameter', () => {
    for (const parameter of ['?', '?12', ':a', '@b', '$c', '$a::b(c)', ':a(x)', '@é', '$1', '$::a', '#a']) {
      expect(read(parameter)).toEqual([[Token.PARAMETER, parameter]]);
    }
    expect(kinds('#1 : $')).toEqual([Token.ILLEGAL, Token.ILLEGAL, Token.ILLEGAL]);
    expect(kinds(':a(x y)')[0]).toBe(Token.ILLEGAL);
  });

  test('reads operators as long as they go', () => {
    const operators = ['->', '->>', '||', '<>', '!=', '<=', '>=', '<<', '>>'];
    expect(read(operators.join(' '))).toEqual(operators.map((text) => [Token.OPERATOR, text]));
    expect(kinds('= == | & ~ % < > + - / * . , ; ( )')).toEqual(
      [...'==|&~%<>+-/*.,;()'].map((character) => character.charCodeAt(0)),
    );
    expect(kinds('! \\ ^ { } ]')).toEqual(Array(6).fill(Token.ILLEGAL));
  });

  test('knows keywords in any case and only as a whole word', () => {
    expect(kinds('select SELECT "select" selects _select select$')).toEqual([
      Token.SELECT,
      Token.SELECT,
      Token.NAME,
      Token.WORD,
      Token.WORD,
      Token.WORD,
    ]);
    // Unicode folds these to ASCII letters; SQLite does not.
    expect(kinds('ſelect l\u0131mit')).toEqual([Token.WORD, Token.WORD]);
  });

  test('gives every keyword the number of its name', () => {
    for (const [name, value] of Object.entries(Token)) {
      if (typeof value === 'number' && value >= 128) expect(wordKind(name)).toBe(value);
    }
  });

  test('treats all from a NUL character on as one illegal token', () => {
    expect(read('a \0 b')).toEqual([
      [Token.WORD, 'a'],
      [Token.ILLEGAL, '\0 b'],
    ]);
    expect(kinds("'a\0b'")).toEqual([Token.ILLEGAL, Token.ILLEGAL]);
    expect(texts('a -- \0 b')).toEqual(['a', '\0 b']);
  });
});
