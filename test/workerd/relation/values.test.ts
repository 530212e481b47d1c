import { describe, expect, test } from 'vitest';
import type { Affinity, Cell } from '../../../src/relation/provider.ts';
import { MemoryProvider } from './memory.ts';
import { withRelations } from './open.ts';

/** What a query of one column gives for these cells. */
const through = (cells: readonly Cell[], affinity: Affinity, expression = 'v') =>
  withRelations(
    {
      rel: {
        provider: new MemoryProvider(
          [{ name: 'v', affinity }],
          cells.map((cell) => [cell]),
        ),
      },
    },
    async (db) =>
      (await db.query(`SELECT ${expression} FROM rel`, [], { rows: 'values', integers: 'bigint' })).rows.map(
        (row) => (row as unknown as unknown[])[0],
      ),
  );

/** Doubles of all sizes: random bits, and decimals as people write them. */
function doubles(count: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  let seed = 12345;
  const next = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0);
  return Array.from({ length: count }, (_, i) => {
    if (i % 4 === 0) return Number(`${next()}e${(next() % 30) - 18}`);
    if (i % 4 === 1) return next() / 2 ** 32;
    view.setUint32(0, next());
    view.setUint32(4, next());
    const value = view.getFloat64(0);
    return Number.isFinite(value) && !Object.is(value, -0) ? value : i / 7;
  });
}

describe('values from outside', () => {
  test('20,000 doubles are the same doubles inside SQLite', async () => {
    const numbers = [
      ...doubles(20_000),
      5e-324,
      2.2250738585072014e-308,
      Number.MAX_VALUE,
      0.1,
      1e23,
      -1e-7,
      1e17,
      2 ** 53,
    ];
    expect(await through(numbers, 'REAL')).toEqual(numbers);
    expect(await through(numbers, '')).toEqual(numbers);
  });

  test('the other kinds of numbers and texts keep their value and their type', async () => {
    const cells = [1, 2n ** 63n - 1n, -(2n ** 63n), true, false, null];
    expect(await through(cells, 'INTEGER')).toEqual([1, 2n ** 63n - 1n, -(2n ** 63n), 1, 0, null]);
    expect(await through(cells, 'INTEGER', 'typeof(v)')).toEqual([...Array(5).fill('integer'), 'null']);
    const infinite = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0];
    expect(await through(infinite, '')).toEqual([infinite[0], infinite[1], null, -0]);
    const texts = ['', 'a\0b', '\u2028\ufeff😀', '\ud800x', '"\\', "it's"];
    expect(await through(texts, 'TEXT')).toEqual(texts.map((text) => text.toWellFormed()));
  });

  test('a column of mixed storage classes stays what a table would make of it', async () => {
    const bytes = new Uint8Array([0, 255, 97]);
    const cells: Cell[] = [1, 1.5, '1', 'x', bytes, null, 0.1 + 0.2];
    expect(await through(cells, '')).toEqual(cells);
    expect(await through(cells, '', 'typeof(v)')).toEqual([
      'integer',
      'real',
      'text',
      'text',
      'blob',
      'null',
      'real',
    ]);
    const numbers = cells.map((cell) => (cell === '1' ? 1 : cell));
    expect(await through(cells, 'NUMERIC')).toEqual(numbers);
    expect(await through(cells, 'REAL')).toEqual(numbers);
    expect(await through([1, 'x', '2 ', bytes], 'REAL', 'typeof(v)')).toEqual([
      'real',
      'text',
      'real',
      'blob',
    ]);
    expect(await through([bytes, null], 'BLOB')).toEqual([bytes, null]);
    expect(await through([1, 1.5], 'INTEGER')).toEqual([1, 1.5]);
    expect(await through([1, 2], 'REAL', 'typeof(v)')).toEqual(['real', 'real']);
    expect(await through([bytes, 'x'], 'TEXT')).toEqual([bytes, 'x']);
  });

  test('text of several bytes a character fills chunks up to what a value may hold', async () => {
    const long = '€'.repeat(300_000);
    const cells = [...Array(7).fill(long), 'x'.repeat(1_800_000), '€'.repeat(600_000), 'end'];
    expect(await through(cells, 'TEXT', 'length(v)')).toEqual(cells.map(({ length }) => length));
    await expect(through(['€'.repeat(700_000)], 'TEXT')).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: { name: 'row bytes' },
    });
  });

  test('more rows or bytes than the caps are an error that names the relation', () =>
    withRelations(
      {
        big: {
          provider: new MemoryProvider(
            [{ name: 'v', affinity: 'TEXT' }],
            Array.from({ length: 20 }, () => ['x'.repeat(1_000_000)]),
          ),
        },
        many: {
          provider: new MemoryProvider(
            [{ name: 'v', affinity: '' }],
            Array.from({ length: 11 }, () => [1]),
          ),
          maxRows: 10,
        },
      },
      async (db) => {
        await expect(db.query('SELECT v FROM big')).rejects.toMatchObject({
          code: 'LIMIT_EXCEEDED',
          message: expect.stringContaining('big'),
          limit: { name: 'relation bytes', value: 16_000_000 },
        });
        await expect(db.query('SELECT v FROM many')).rejects.toMatchObject({
          limit: { name: 'relation rows', value: 10 },
        });
        expect((await db.query('SELECT count(*) AS n FROM big')).rows).toEqual([{ n: 20 }]);
        expect((await db.query('SELECT v FROM many LIMIT 3')).rows).toHaveLength(3);
      },
    ));

  test('an aggregation takes more rows than the caps allow, batch by batch', () => {
    const rows = Array.from({ length: 40_000 }, (_, i) => [i % 3 ? 'x' : 'X', i, i / 4]);
    const columns = [
      { name: 'k', affinity: 'TEXT' as const, collate: 'NOCASE' },
      { name: 'n', affinity: 'INTEGER' as const },
      { name: 'r', affinity: 'REAL' as const },
    ];
    return withRelations(
      { rel: { provider: new MemoryProvider(columns, rows), maxRows: 10_000 } },
      async (db) => {
        const { rows: found, columns } = await db.query(
          "SELECT count(*), sum(n) AS s, avg(r) + ?, max(n) FROM rel WHERE n >= ? GROUP BY k HAVING k = 'X' ORDER BY s LIMIT 5",
          [1, 10],
          { rows: 'values' },
        );
        expect(columns).toEqual(['count(*)', 's', 'avg(r) + ?', 'max(n)']);
        expect(found).toEqual([[39_990, 799_979_955, 5002.125, 39_999]]);
        const tens = await db.query('SELECT n / 10000 AS t, count(*) FROM rel GROUP BY t ORDER BY t', [], {
          rows: 'values',
        });
        expect(tens.rows).toEqual([0, 1, 2, 3].map((ten) => [ten, 10_000]));
        await expect(db.query('SELECT DISTINCT k FROM rel')).rejects.toMatchObject({
          code: 'LIMIT_EXCEEDED',
        });
      },
    );
  });
});
