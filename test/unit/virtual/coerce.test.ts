import { expect, test } from 'vitest';
import { coerce } from '../../../src/virtual/coerce.ts';

test.each([
  ['2026-02-28', 1772236800000],
  ['2024-02-29 12:00:00.5+02:00', 1709200800500],
  ['2026-02-30', '2026-02-30'],
  ['2026-04-31T10:00:00Z', '2026-04-31T10:00:00Z'],
  ['2026-13-01', '2026-13-01'],
  ['1700000000000', 1700000000000],
  ['soon', 'soon'],
])('%s as a time is %s', (text, value) => {
  expect(coerce(text, 'EPOCH_MS')).toBe(value);
});
