import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromJson, toJson } from '../../../src/server/json.ts';

test('every value of SQLite survives JSON', () => {
  const value = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 20_000 }),
    fc.constant(null),
  );
  fc.assert(
    fc.property(value, (one) => {
      expect(fromJson(JSON.parse(JSON.stringify(toJson(one))))).toEqual(one);
    }),
  );
});

test.each([
  { $int: '1.5' },
  { $int: 5.5 },
  { $int: '9223372036854775808' },
  { $int: '-9223372036854775809' },
  { $int: '' },
  { $blob: '*' },
  { $real: 'NaN' },
  { $real: '1' },
  { $int: '1', $blob: '' },
  { other: 1 },
  {},
  [1],
])('%j is no value', (value) => {
  expect(() => fromJson(value)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
});
