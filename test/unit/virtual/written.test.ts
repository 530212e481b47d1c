import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openParquet } from '../../../src/relation/parquet/parquet.ts';
import type { Predicate } from '../../../src/relation/provider.ts';
import { duckdb, readParquet, sourceOf } from './parquet.ts';

let duck: Awaited<ReturnType<typeof duckdb>>;
beforeAll(async () => {
  duck = await duckdb();
});
afterAll(() => duck.close());

const ROWS = 1000;
const at = <T>(make: (i: number) => T, nulls = true) =>
  Array.from({ length: ROWS }, (_, i) => (nulls && i % 11 === 3 ? null : make(i)));

const column = (name: string, element: Partial<SchemaElement>, data: unknown[], select: string) => ({
  schema: { name, repetition_type: 'OPTIONAL', ...element } as SchemaElement,
  data,
  select,
});

/** Every type that a segment or an export may have, and what DuckDB says it holds, in terms of SQLite. */
const COLUMNS = [
  column(
    'flag',
    { type: 'BOOLEAN' },
    at((i) => i % 2 === 0),
    'flag::INTEGER',
  ),
  column(
    'small',
    { type: 'INT32' },
    at((i) => i - 500),
    'small',
  ),
  column(
    'big',
    { type: 'INT64' },
    at((i) => (1n << 60n) + BigInt(i)),
    'big',
  ),
  column(
    'real',
    { type: 'DOUBLE' },
    at((i) => i / 7),
    'real',
  ),
  column(
    'single',
    { type: 'FLOAT' },
    at((i) => Math.fround(i / 7)),
    'single',
  ),
  column(
    'label',
    { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    at((i) => `größe ${i % 17} 😀`),
    'label',
  ),
  column(
    'body',
    { type: 'BYTE_ARRAY' },
    at((i) => new Uint8Array([i & 255, 0, 255])),
    'body',
  ),
  column(
    'doc',
    { type: 'BYTE_ARRAY', converted_type: 'JSON' },
    at((i) => ({ i, s: 'ü' })),
    'doc',
  ),
  column(
    'day',
    { type: 'INT32', converted_type: 'DATE' },
    at((i) => new Date(Date.UTC(1990, 0, i))),
    'day::VARCHAR',
  ),
  column(
    'ms',
    {
      type: 'INT64',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
      converted_type: 'TIMESTAMP_MILLIS',
    },
    at((i) => new Date(1.7e12 + i * 1001)),
    "strftime(ms AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%g')",
  ),
  column(
    'us',
    { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' } },
    at((i) => 1_700_000_000_000_001n + BigInt(i) * 10n),
    "strftime(us, '%Y-%m-%d %H:%M:%S.%f')",
  ),
] as const;

const written = (options: { rowGroupSize?: number } = {}): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: COLUMNS.map(({ schema, data }) => ({
        name: schema.name,
        data,
        columnIndex: true,
        bloomFilter: schema.name === 'label',
      })),
      schema: [{ name: 'root', num_children: COLUMNS.length }, ...COLUMNS.map(({ schema }) => schema)],
      rowGroupSize: 250,
      pageSize: 1024,
      ...options,
    }),
  );

const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint')
    return BigInt.asIntN(64, value) >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
  return value instanceof Uint8Array ? [...value] : value;
};

describe('files written here', () => {
  test('DuckDB and the project read the same values, over every type', async () => {
    const bytes = written();
    const expected = await duck.read(bytes, `SELECT ${COLUMNS.map(({ select }) => select).join()}`);
    const { rows } = await readParquet(bytes);
    for (const [c, { schema }] of COLUMNS.entries())
      expect(
        rows.map((row) => plain(row[c])),
        schema.name,
      ).toEqual(expected.map((row) => plain(row[c])));
  });
});

/** Predicates, and the row groups of 250 rows that may hold what meets them. */
const PRUNED: [string, Predicate, number, number?][] = [
  ['an integer', { column: 1, op: '=', values: [-499] }, 1],
  ['an integer beyond all', { column: 1, op: '>', values: [499] }, 0],
  ['an integer and a fraction', { column: 1, op: '>=', values: [-0.5] }, 2],
  ['a range', { column: 1, op: 'between', values: [-260, -240] }, 2],
  ['a list', { column: 1, op: 'in', values: [-490, 490] }, 2],
  ['an integer of 64 bits', { column: 2, op: '=', values: [(1n << 60n) + 999n] }, 1],
  ['a double', { column: 3, op: '<', values: [1] }, 1],
  ['a text that Bloom filters know', { column: 5, op: '=', values: ['größe 3 😀'] }, 4],
  ['a text that they do not know', { column: 5, op: '=', values: ['größe 3'] }, 0],
  ['a day as text', { column: 8, op: '<', values: ['1990-02'] }, 1],
  ['a time as text', { column: 9, op: '>=', values: ['2023-11-14 22:29'] }, 1],
  ['a number against texts', { column: 5, op: '=', values: [7] }, 4],
  ['a text against numbers', { column: 1, op: '=', values: ['7'] }, 4],
];

describe('pruning', () => {
  test.each(PRUNED)('by %s', async (_name, predicate, groups) => {
    const bytes = written();
    const source = sourceOf(bytes);
    const file = await openParquet(source);
    const scan = { columns: [1, 5], predicates: [predicate] };
    const report = await file.inspect(scan);
    expect(report).toMatchObject({ rowGroupsRead: groups, rowGroupsSkipped: 4 - groups });
    // Nothing that meets the predicate may be missing.
    const { rows } = await readParquet(bytes);
    const ids = new Set<unknown>();
    for await (const batch of file.scan({ ...scan, columns: [1] })) for (const [id] of batch) ids.add(id);
    for (const row of rows) if (holds(row[predicate.column], predicate)) expect(ids).toContain(row[1]);
  });

  test('the page index leaves out the pages of a row group that cannot hold what is asked for', async () => {
    const bytes = written({ rowGroupSize: 1000 });
    const file = await openParquet(sourceOf(bytes));
    const rows: unknown[][] = [];
    const predicates: Predicate[] = [{ column: 3, op: 'between', values: [100, 101] }];
    for await (const batch of file.scan({ columns: [1, 3, 5], predicates })) rows.push(...batch);
    expect(rows.length).toBeLessThan(500);
    expect(rows.filter(([, real]) => Number(real) >= 100 && Number(real) <= 101)).toHaveLength(7);
    const { rows: all } = await readParquet(bytes);
    const byId = new Map(all.map((row) => [row[1], row]));
    for (const [small, real, label] of rows)
      if (small !== null) expect(byId.get(small as number)).toMatchObject({ 3: real, 5: label });
  });

  test('a stored footer spares reading it, and neighbouring columns of a row group are one request', async () => {
    const { readFooter } = await import('../../../src/relation/parquet/parquet.ts');
    const bytes = written();
    const footer = await readFooter(sourceOf(bytes));
    const source = sourceOf(bytes);
    const file = await openParquet(source, { footer });
    expect(source.reads).toEqual([]);
    let rows = 0;
    for await (const batch of file.scan({ columns: [0, 1], predicates: [] })) rows += batch.length;
    expect([rows, source.reads.length]).toEqual([ROWS, 4]);
  });

  test('no column at all still gives every row', async () => {
    const file = await openParquet(sourceOf(written()));
    let rows = 0;
    for await (const batch of file.scan({ columns: [], predicates: [] })) rows += batch.length;
    expect(rows).toBe(ROWS);
  });
});

function holds(value: unknown, { op, values }: Predicate): boolean {
  if (value === null || typeof value !== (typeof values[0] === 'string' ? 'string' : typeof value))
    return false;
  const [a, b] = values as [number, number];
  const v = value as number;
  switch (op) {
    case '<':
      return v < a;
    case '>':
      return v > a;
    case '>=':
      return v >= a;
    case 'between':
      return v >= a && v <= b;
    default:
      return values.some((one) => one === v);
  }
}
