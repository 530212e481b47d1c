import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseExact } from '../../../src/sql/json.ts';

afterEach(() => vi.restoreAllMocks());

describe('JSON with exact integers', () => {
  it('makes BigInts of what a number cannot hold and 64 bits can', () => {
    expect(parseExact('{"a":[9007199254740993,-9223372036854775808,1],"b":"9007199254740993"}')).toEqual({
      a: [9007199254740993n, -9223372036854775808n, 1],
      b: '9007199254740993',
    });
    expect(parseExact('[9223372036854775808,9007199254740993.0,1e20]')).toEqual([2 ** 63, 2 ** 53, 1e20]);
  });

  it('gives the digits to the caller', () => {
    expect(parseExact('[9007199254740993,5]', (digits, rounded) => [digits, rounded])).toEqual([
      ['9007199254740993', 2 ** 53],
      5,
    ]);
  });

  it('refuses to guess where the runtime does not tell the digits', () => {
    const parse = JSON.parse;
    vi.spyOn(JSON, 'parse').mockImplementation((text, reviver) =>
      parse(text, reviver && ((key, value) => reviver(key, value))),
    );
    expect(() => parseExact('[9007199254740993]')).toThrow(
      expect.objectContaining({ code: 'INTEGER_OUT_OF_RANGE' }),
    );
    expect(parseExact('[1234567890.1234567,12]')).toEqual([1234567890.1234567, 12]);
  });
});
