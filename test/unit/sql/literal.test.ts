import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonLiteral, type SqlValue, sqlLiteral } from '../../../src/sql/literal.ts';

const db = new DatabaseSync(':memory:');

/** Type and bytes of an expression's value. */
function evaluate(
  expression: string,
  ...values: (null | number | string | bigint | Uint8Array)[]
): unknown[] {
  const statement = db.prepare(`SELECT typeof(x) AS type, x FROM (SELECT ${expression} AS x)`);
  statement.setReadBigInts(true);
  const row = statement.get(...values)!;
  return [row['type'], row['x']];
}

/** What the platform makes of a bound value: every number is REAL. */
function bound(value: SqlValue): unknown[] {
  if (typeof value === 'number') return ['real', value];
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    return ['blob', bytes];
  }
  return evaluate('?', value);
}

const special: SqlValue[] = [
  null,
  0,
  -0,
  5,
  -5,
  0.1,
  0.1 + 0.2,
  -12.34,
  1e15 + 0.5,
  1e-7,
  123456.789e-300,
  5e-324,
  2.2250738585072014e-308,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** 53,
  -(2 ** 63),
  2 ** 64,
  1e21,
  1e22,
  1e23,
  2 ** 53 + 2,
  Infinity,
  -Infinity,
  0n,
  -1n,
  9223372036854775807n,
  -9223372036854775808n,
  -9223372036854775807n,
  '',
  "it's",
  "''",
  'a\0b',
  '\0',
  '\0'.repeat(300),
  "emoji 😀 \u2028 'x'\0'",
  '-- no comment /*',
  new Uint8Array(),
  new Uint8Array([0, 1, 255]),
  new Uint8Array([9, 1, 2, 9]).subarray(1, 3),
  new Uint8Array([1, 2]).buffer,
  new DataView(new Uint8Array([7, 8, 9]).buffer, 1),
];

describe('sqlLiteral', () => {
  test.each(special.map((value) => [value]))('%s is the bound value', (value) => {
    expect(evaluate(sqlLiteral(value))).toEqual(bound(value));
  });

  test('has no affinity, like a parameter', () => {
    db.exec("CREATE TABLE n(x); INSERT INTO n VALUES ('5.0'), (5), ('a' || char(0))");
    const count = (sql: string) => db.prepare(`SELECT count(*) AS n FROM n WHERE ${sql}`).get()!['n'];
    expect(count(`x = ${sqlLiteral(5)}`)).toBe(1);
    expect(count(`x = ${sqlLiteral('5.0')}`)).toBe(1);
    expect(count(`x = ${sqlLiteral('a\0')}`)).toBe(1);
    expect(count(`CAST(x AS TEXT) = ${sqlLiteral(5n)}`)).toBe(1);
  });

  test('a negative value can follow a minus sign', () => {
    expect(evaluate(`1-${sqlLiteral(-2)}-${sqlLiteral(-3n)}-${sqlLiteral(-0.5)}`)).toEqual(['real', 6.5]);
  });

  test('any double is bit for bit the bound one', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(evaluate(sqlLiteral(value))).toEqual(['real', value]);
      }),
      { numRuns: 2000 },
    );
  });

  test('a fraction is written with operands that need no rounding', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const operand of sqlLiteral(value).match(/[\d.e]+/g)!) {
          expect(operand).toMatch(/^\d{1,17}\.0$/);
          expect(BigInt(operand.slice(0, -2))).toBe(BigInt(Number(operand)));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('prices and the like stay short', () => {
    expect(sqlLiteral(19.99)).toBe('(1999.0/100.0)');
  });
});

describe('jsonLiteral', () => {
  test('gives the bound value through json_each, or nothing', () => {
    for (const value of special) {
      const json = jsonLiteral(value);
      const carried =
        typeof value !== 'number' ? !(value instanceof ArrayBuffer || ArrayBuffer.isView(value)) : undefined;
      if (carried !== undefined) expect(json !== undefined).toBe(carried);
      if (json === undefined) continue;
      expect(evaluate('(SELECT value FROM json_each(?))', `[${json}]`)).toEqual(bound(value));
    }
    expect(jsonLiteral(0.5)).toBeUndefined();
    expect(jsonLiteral(2 ** 60)).toBeUndefined();
    expect(jsonLiteral(7)).toBe('7.0');
  });
});
