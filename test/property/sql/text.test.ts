import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { adapt } from '../../../src/sql/adapt.ts';
import { analyze } from '../../../src/sql/analyze.ts';
import { splitStatements } from '../../../src/sql/split.ts';
import { Token } from '../../../src/sql/token.ts';
import { tokenize } from '../../../src/sql/tokenizer.ts';
import { statements } from './generator.ts';
import { runs } from './runs.ts';

/** Text made of the pieces that decide where a token ends. */
const pieces = fc.constantFrom(
  ...[
    'select',
    'FROM',
    'with',
    'x',
    'X',
    "'",
    '"',
    '`',
    '[',
    ']',
    '(',
    ')',
    ';',
    ',',
    '.',
    '-',
    '--',
    '/*',
    '*/',
    '*',
    '/',
  ],
  ...[
    '\n',
    ' ',
    '\t',
    '\v',
    '\0',
    '\ufeff',
    'é',
    '😀',
    '1',
    '0x1F',
    '1_000',
    '.5',
    '1e',
    'e5',
    '+',
    '->',
    '->>',
    '|',
    '||',
  ],
  ...[
    '<',
    '>',
    '=',
    '!',
    '==',
    '?',
    '?1',
    ':a',
    '@b',
    '$c',
    '::',
    '#',
    '\\',
    '{',
    '~',
    '&',
    '%',
    "x'",
    "00'",
    '_',
    '$',
  ],
  ...[
    'CREATE',
    'TRIGGER',
    'TEMP',
    'BEGIN',
    'END',
    'CASE',
    'UNION',
    'INSERT',
    'INTO',
    'VALUES',
    'ON',
    'CONFLICT',
    'IN',
  ],
  ...[
    'EXPLAIN',
    'PRAGMA',
    'WINDOW',
    'AS',
    'REPLACE',
    'UPDATE',
    'JOIN',
    'INDEXED',
    'RECURSIVE',
    'ORDER',
    'LIMIT',
    'OR',
  ],
);
const noise = fc
  .array(pieces, { maxLength: 40 })
  .chain((list) => fc.constantFrom(list.join(''), list.join(' ')));
const text = fc.oneof(noise, fc.string({ unit: 'binary' }), statements);

const TRIVIA = /^(?:[\ufeff \t\n\f\r][ \t\n\v\f\r]*|--[^\n]*\n?|\/\*[\s\S]*?\*\/|\/\*[\s\S]*$)*$/;

test('a vertical tab behind the line break of a comment is white space', () => {
  expect(tokenize('SELECT 1--\n\v, 2')).toHaveLength(4 * 3);
});

test('tokens and the white space between them are the whole text', () => {
  fc.assert(
    fc.property(text, (sql) => {
      const tokens = tokenize(sql);
      let at = 0;
      let trivia = true;
      for (let i = 0; i < tokens.length; i += 3) {
        const [, start, end] = [...tokens.slice(i, i + 3)] as [number, number, number];
        trivia &&= start < end && (start === at || TRIVIA.test(sql.slice(at, start)));
        at = end;
      }
      expect(trivia).toBe(true);
      expect(sql.slice(at)).toMatch(TRIVIA);
    }),
    runs(3000),
  );
});

test('SQLite accepts no text in which the tokenizer finds an illegal token', () => {
  const db = new DatabaseSync(':memory:');
  fc.assert(
    fc.property(noise, (body) => {
      const sql = `SELECT ${body.replaceAll('\0', '')}`;
      const tokens = tokenize(sql);
      const end = tokens.indexOf(Token.SEMICOLON);
      let illegal = false;
      for (let i = 0; i < (end < 0 ? tokens.length : end); i += 3) illegal ||= tokens[i] === Token.ILLEGAL;
      if (!illegal) return;
      expect(() => db.prepare(sql), sql).toThrow();
    }),
    runs(3000),
  );
});

test('no text makes the analysis, the splitter or the adaptation throw', () => {
  fc.assert(
    fc.property(text, (sql) => {
      const statement = analyze(sql);
      expect(statement.parameterCount).toBe(Math.max(0, ...statement.parameters.map(({ index }) => index)));
      for (const { start, end } of statement.tables)
        expect(sql.slice(start, end).trim()).toBe(sql.slice(start, end));
      for (const { start, end } of splitStatements(sql)) expect(end).toBeGreaterThan(start);
      if (statement.parameterCount < 1000) adapt(statement, Array(statement.parameterCount).fill(null));
    }),
    runs(3000),
  );
});

const TRIGGER = fc
  .array(
    statements.map((sql) => sql.trim()),
    { minLength: 1, maxLength: 3 },
  )
  .map((body) => `CREATE TEMP TRIGGER tr AFTER INSERT ON t1 BEGIN\n${body.join(';')}; END`);
const separator = fc.constantFrom(';', ' ; ', ';\n-- a comment; with semicolon\n', ';;', ';/* ; */');

test('splitting a script gives back the statements that were joined', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof({ arbitrary: statements, weight: 4 }, TRIGGER), separator), {
        maxLength: 8,
      }),
      fc.boolean(),
      (parts, last) => {
        const script = parts
          .map(([sql, end], i) => sql + (i === parts.length - 1 && last ? '' : end))
          .join('');
        const split = splitStatements(script).map(({ start, end }) => script.slice(start, end));
        const tight = parts.map(([sql]) => {
          const tokens = tokenize(sql);
          return sql.slice(tokens[1], tokens.at(-1));
        });
        expect(split).toEqual(tight);
      },
    ),
    runs(300),
  );
});

test('parameters are numbered as SQLite numbers them', () => {
  const db = new DatabaseSync(':memory:');
  const parameter = fc.constantFrom(
    '?',
    '?',
    '?1',
    '?3',
    '?007',
    '?20',
    ':a',
    ':b',
    '@a',
    '$a',
    '$a::b',
    ':a(x)',
    '$a::b(c)',
  );
  fc.assert(
    fc.property(fc.array(parameter, { minLength: 1, maxLength: 12 }), (list) => {
      const sql = `SELECT ${list.join(', ')}`;
      const { parameters, parameterCount } = analyze(sql);
      // Variable n of SQLite's program is parameter n.
      const variables = db
        .prepare(`EXPLAIN ${sql}`)
        .all()
        .filter((row) => row['opcode'] === 'Variable');
      expect(parameters.map(({ index }) => index)).toEqual(variables.map((row) => row['p1']));
      expect(parameterCount).toBe(Math.max(...variables.map((row) => row['p1'] as number)));
    }),
    runs(400),
  );
});
