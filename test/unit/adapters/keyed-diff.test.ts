import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Diff, isEmpty, keyOf, nextResult, type Result } from '../../../adapters/keyed-diff.ts';

type Row = { id: number; text: string };
const decode = (raws: readonly (readonly unknown[])[]) => raws.map(([id, text]) => ({ id, text }) as Row);
const by =
  (...columns: number[]) =>
  (raw: readonly unknown[]) =>
    keyOf(columns.map((at) => raw[at]));
const start: Result<Row> = new Map();
const rowsOf = (result: Result<Row>) => [...result.values()].map(({ row }) => row);
const sorted = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).sort();

/** What a receiver of differences makes of them. */
function apply(rows: readonly Row[], { added, removed, changed }: Diff<Row>): Row[] {
  const left = new Map(rows.map((row) => [row, row]));
  for (const row of removed) left.delete(row);
  for (const { before, after } of changed) left.set(before, after);
  return [...left.values(), ...added];
}

const raw = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.constantFrom('a', 'b'));

describe('the difference of two results', () => {
  test.each([
    { what: 'a key', key: by(0) },
    { what: 'the whole row', key: by(0, 1) },
  ])('makes the one of the other, by $what, whatever repeats', ({ key }) => {
    fc.assert(
      fc.property(fc.array(fc.array(raw, { maxLength: 8 }), { minLength: 2, maxLength: 6 }), (results) => {
        let result = start;
        let copy: Row[] = [];
        for (const raws of results) {
          const next = nextResult(result, raws, key, decode);
          const kept = new Set(rowsOf(result));
          expect(rowsOf(next.result)).toEqual(decode(raws));
          copy = apply(rowsOf(result), next.diff);
          expect(sorted(copy)).toEqual(sorted(decode(raws)));
          // Nothing is told twice, and what stays is the same object.
          expect(new Set(copy).size).toBe(raws.length);
          const { added, changed } = next.diff;
          const told = new Set([...added, ...changed.map(({ after }) => after)]);
          expect(rowsOf(next.result).every((row) => kept.has(row) !== told.has(row))).toBe(true);
          const again = nextResult(next.result, raws, key, decode);
          expect(isEmpty(again.diff)).toBe(true);
          result = next.result;
        }
      }),
    );
  });

  test('decodes only what is new', () => {
    const first = nextResult(
      start,
      [
        [1, 'a'],
        [2, 'b'],
      ],
      by(0),
      decode,
    );
    const decoded: unknown[] = [];
    nextResult(
      first.result,
      [
        [2, 'b'],
        [1, 'x'],
        [3, 'c'],
      ],
      by(0),
      (raws) => {
        decoded.push(...raws);
        return decode(raws);
      },
    );
    expect(decoded).toEqual([
      [1, 'x'],
      [3, 'c'],
    ]);
  });

  test('tells keys of every stored type apart', () => {
    const keys = [
      1,
      '1',
      null,
      'null',
      2n ** 60n,
      String(2n ** 60n),
      Infinity,
      'Infinity',
      '["1",1]',
      '[null]',
    ]
      .map((value) => keyOf([value]))
      .concat([
        keyOf([new Uint8Array([1])]),
        keyOf([new Uint8Array([1, 2])]),
        keyOf(['1', 1]),
        keyOf([1, '1']),
      ]);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf([new Uint8Array([7])])).toBe(keyOf([new Uint8Array([7])]));
  });
});
