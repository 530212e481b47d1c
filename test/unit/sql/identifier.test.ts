import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { foldName, quoteIdentifier, unquoteIdentifier } from '../../../src/sql/identifier.ts';

const names = [
  'a',
  'select',
  'a b',
  'a"b',
  "a'b",
  '`',
  '[x]',
  ']',
  '',
  'größe',
  '😀',
  '"); DROP TABLE t; --',
  '\n',
];

test('any name survives quoting, and SQLite agrees', () => {
  const db = new DatabaseSync(':memory:');
  for (const name of names) {
    expect(unquoteIdentifier(quoteIdentifier(name))).toBe(name);
    expect(Object.keys(db.prepare(`SELECT 1 AS ${quoteIdentifier(name)}`).get()!)).toEqual([name]);
  }
});

test('a NUL character in a name is refused', () => {
  expect(() => quoteIdentifier('a\0b')).toThrow(expect.objectContaining({ code: 'INVALID_IDENTIFIER' }));
});

test('every style of quotes is removed', () => {
  expect(['"a""b"', '`a``b`', '[a"b]', "'a''b'", 'A'].map(unquoteIdentifier)).toEqual([
    'a"b',
    'a`b',
    'a"b',
    "a'b",
    'A',
  ]);
});

test('names are folded like SQLite does, ASCII only', () => {
  expect(foldName('AbÉ\u212A')).toBe('abÉ\u212A');
});
