import { describe, expect, it } from 'vitest';
import { tag, untag } from '../../../src/fsx/kinds.ts';
import { compareCells } from '../../../src/fsx/order.ts';
import { checkUnit, olderThan, policyOf } from '../../../src/fsx/policy.ts';
import { mayMeet, type Zone, ZoneBuilder } from '../../../src/fsx/zone.ts';
import type { Cell, Predicate } from '../../../src/relation/provider.ts';

const zoneOf = (kind: Zone[0], cells: readonly Cell[]): Zone => {
  const builder = new ZoneBuilder(kind);
  for (const cell of cells) builder.add(cell);
  return JSON.parse(JSON.stringify(builder.zone)) as Zone;
};
const meets = (zone: Zone, op: Predicate['op'], ...values: (number | bigint | string)[]) =>
  mayMeet(zone, 10, { column: 0, op, values });

describe('zone maps', () => {
  it('keep every row that may meet a condition', () => {
    const zone = zoneOf('i', [3, null, 7, 5]);
    expect(zone).toEqual(['i', 3, 7, 1]);
    expect([meets(zone, '=', 3), meets(zone, '=', 2), meets(zone, '=', 8), meets(zone, '=', 4.5)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect([meets(zone, '<', 3), meets(zone, '<=', 3), meets(zone, '>', 7), meets(zone, '>=', 7)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect([meets(zone, 'in', 1, 9), meets(zone, 'in', 1, 5), meets(zone, 'in')]).toEqual([
      false,
      true,
      false,
    ]);
    expect([
      meets(zone, 'between', 8, 9),
      meets(zone, 'between', 1, 2),
      meets(zone, 'between', 1, 3),
    ]).toEqual([false, false, true]);
  });

  it('decide nothing across classes', () => {
    expect(meets(zoneOf('i', [3]), '=', '4')).toBe(true);
    expect(meets(zoneOf('t', ['a']), '=', 4)).toBe(true);
    expect(meets(zoneOf('j', ['x']), '=', 'y')).toBe(true);
    expect(meets(zoneOf('b', []), '=', 'y')).toBe(true);
  });

  it('are exact beyond 2^53 and for texts by UTF-8', () => {
    const big = zoneOf('i', [2n ** 53n + 1n, 2n ** 63n - 1n]);
    expect([meets(big, '<=', 2n ** 53n), meets(big, '=', 2n ** 53n + 1n)]).toEqual([false, true]);
    // U+FFFF is before U+10000 in UTF-8, and behind it in UTF-16.
    const texts = zoneOf('t', ['\uffff', '\u{10000}']);
    expect([
      meets(texts, '=', '\ufffe'),
      meets(texts, '=', '\u{10001}'),
      meets(texts, '<', '\uffff'),
    ]).toEqual([false, false, false]);
    expect(compareCells('\uffff', '\u{10000}')).toBeLessThan(0);
  });

  it('cut long texts without losing a row', () => {
    const long = 'z'.repeat(100);
    const zone = zoneOf('t', [long]);
    expect(meets(zone, '=', long)).toBe(true);
    expect(meets(zone, '=', 'y')).toBe(false);
    expect(meets(zone, '>', 'zz')).toBe(true);
  });

  it('of columns of nothing but NULL exclude every condition', () => {
    const zone: Zone = ['i', null, null, 10];
    expect([meets(zone, '=', 1), meets(zone, 'not null')]).toEqual([false, false]);
    expect(meets(['i', 1, 2, 3], 'not null')).toBe(true);
  });

  it('know infinities as no bound', () => {
    const zone = zoneOf('r', [-Infinity, 5]);
    expect([meets(zone, '<', -1e308), meets(zone, '>', 5)]).toEqual([true, false]);
  });
});

describe('tagged values', () => {
  it.each([
    [5, 'i'],
    [2n ** 60n, 'i'],
    [0.1 + 0.2, 'r'],
    [-0, 'r'],
    [Infinity, 'r'],
    ['x', 't'],
    [new Uint8Array([0, 255]), 'b'],
  ] as [Cell, string][])('come back: %s of class %s', (cell, type) =>
    expect(untag(tag(cell, type))).toEqual({ cell, type }),
  );
});

describe('policies', () => {
  it('are refused with what is wrong', () => {
    const at = { table: 't', by: 'at' };
    for (const [given, hot] of [
      [{ ...at }, undefined],
      [{ ...at, hot: 'soon' }, undefined],
      [{ ...at, segmentRows: 10 }, '1d'],
      [{ table: 't' }, '1d'],
    ] as [never, undefined][])
      expect(() => policyOf(given, hot, undefined)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    expect(policyOf(at, '1d', undefined)).toMatchObject({
      hotMs: 86_400_000,
      warmMs: 86_400_000,
      segmentRows: 50_000,
    });
  });

  it('tell seconds from milliseconds', () => {
    const policy = policyOf({ table: 't', by: 'at' }, '1d', undefined);
    expect(() => checkUnit(policy, 1_700_000_000)).toThrow(/seconds/);
    checkUnit(policy, 1_700_000_000_000);
    checkUnit({ ...policy, unit: 's' }, 1_700_000_000);
    checkUnit(policy, '2026-01-01');
  });

  it('compare both forms of dates in text', () => {
    const sql = olderThan('"at"', true, undefined, Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(sql).toContain("'2026-01-02T03:04:05.000Z'");
    expect(sql).toContain("'2026-01-02 03:04:05'");
  });
});
