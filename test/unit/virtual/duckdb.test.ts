import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { duckdb, readParquet } from './parquet.ts';

let duck: Awaited<ReturnType<typeof duckdb>>;
beforeAll(async () => {
  duck = await duckdb();
});
afterAll(() => duck.close());

/** A type of DuckDB, values of it as SQL, what each is here, and the column's affinity. */
const TYPES: readonly (readonly [type: string, affinity: string, values: Record<string, unknown>])[] = [
  ['BOOLEAN', 'INTEGER', { true: 1, false: 0 }],
  ['TINYINT', 'INTEGER', { '-128': -128, 127: 127 }],
  ['UTINYINT', 'INTEGER', { 255: 255 }],
  ['SMALLINT', 'INTEGER', { '-32768': -32768 }],
  ['USMALLINT', 'INTEGER', { 65535: 65535 }],
  ['INTEGER', 'INTEGER', { '-2147483648': -2147483648, 2147483647: 2147483647 }],
  ['UINTEGER', 'INTEGER', { 4294967295: 4294967295, 0: 0 }],
  [
    'BIGINT',
    'INTEGER',
    {
      "'9223372036854775807'": 9223372036854775807n,
      '-9223372036854775808': -(2n ** 63n),
      42: 42,
      "'9007199254740993'": 9007199254740993n,
    },
  ],
  ['UBIGINT', 'INTEGER', { "'9223372036854775807'": 9223372036854775807n, 7: 7 }],
  [
    'FLOAT',
    'REAL',
    { 0.1: Math.fround(0.1), "'inf'": Number.POSITIVE_INFINITY, '-3.4e38': Math.fround(-3.4e38) },
  ],
  ['DOUBLE', 'REAL', { 0.1: 0.1, 1e308: 1e308, "'-inf'": Number.NEGATIVE_INFINITY, "'-0.0'": -0 }],
  ['DECIMAL(4,2)', 'REAL', { 0.3: 0.3, '-99.99': -99.99 }],
  ['DECIMAL(9,3)', 'REAL', { 1.105: 1.105 }],
  ['DECIMAL(15,6)', 'REAL', { 123456789.123456: 123456789.123456 }],
  ['DECIMAL(18,4)', 'TEXT', { '-12345678901234.5678': '-12345678901234.5678', 0.5: '0.5000' }],
  [
    'DECIMAL(38,10)',
    'TEXT',
    {
      '1234567890123456789012345678.0123456789': '1234567890123456789012345678.0123456789',
      '-0.0000000001': '-0.0000000001',
    },
  ],
  [
    'VARCHAR',
    'TEXT',
    {
      "'grüße 😀 \u{1F600}'": 'grüße 😀 \u{1F600}',
      "''": '',
      "'a' || chr(0) || 'b'": 'a\0b',
      "'\ufeffbom'": '\ufeffbom',
    },
  ],
  ['BLOB', 'BLOB', { "'\\x00\\xFF'::BLOB": new Uint8Array([0, 255]), "''::BLOB": new Uint8Array() }],
  ['UUID', 'TEXT', { "'123e4567-e89b-12d3-a456-426614174000'": '123e4567-e89b-12d3-a456-426614174000' }],
  ["ENUM('sad','happy')", 'TEXT', { "'happy'": 'happy', "'sad'": 'sad' }],
  [
    'DATE',
    'TEXT',
    {
      "'2024-02-29'": '2024-02-29',
      "'1969-12-31'": '1969-12-31',
      "'0001-01-01'": '0001-01-01',
      "'9999-12-31'": '9999-12-31',
      "'1900-03-01'": '1900-03-01',
    },
  ],
  ['TIME', 'TEXT', { "'23:59:59.999999'": '23:59:59.999999', "'00:00:00'": '00:00:00.000' }],
  [
    'TIMESTAMP',
    'TEXT',
    {
      "'2024-02-29 12:34:56.789'": '2024-02-29 12:34:56.789',
      "'1969-12-31 23:59:59.123456'": '1969-12-31 23:59:59.123456',
      "'infinity'": 'infinity',
      "'12345-01-01'": '+012345-01-01 00:00:00.000',
    },
  ],
  ['TIMESTAMP_MS', 'TEXT', { "'2024-02-29 12:34:56.789'": '2024-02-29 12:34:56.789' }],
  ['TIMESTAMP_S', 'TEXT', { "'2024-02-29 12:34:56'": '2024-02-29 12:34:56.000' }],
  ['TIMESTAMP_NS', 'TEXT', { "'2024-02-29 12:34:56.123456789'": '2024-02-29 12:34:56.123456789' }],
  ['TIMESTAMPTZ', 'TEXT', { "'2024-02-29 12:34:56.5+02'": '2024-02-29 10:34:56.500' }],
  ['INTERVAL', 'TEXT', { "INTERVAL '14 months 3 days 1500 milliseconds'": 'P14M3DT1.5S' }],
  ['JSON', 'TEXT', { '\'{"a": [1, 2]}\'': '{"a": [1, 2]}' }],
  ['INTEGER[]', 'TEXT', { '[1, NULL, 3]': '[1,null,3]', '[]::INTEGER[]': '[]' }],
  ['BIGINT[][]', 'TEXT', { '[[9223372036854775807], [], NULL]': '[[9223372036854775807],[],null]' }],
  ['DECIMAL(20,2)[]', 'TEXT', { '[1.10, NULL]': '["1.10",null]' }],
  [
    'STRUCT(a INTEGER, b VARCHAR, c DATE)',
    'TEXT',
    { "{'a': 1, 'b': NULL, 'c': '2024-01-02'::DATE}": '{"a":1,"b":null,"c":"2024-01-02"}' },
  ],
  ['MAP(VARCHAR, DOUBLE)', 'TEXT', { "MAP {'x': 1.5, 'y': NULL}": '{"x":1.5,"y":null}' }],
  [
    'STRUCT(l STRUCT(t TIMESTAMP)[], m MAP(INTEGER, BLOB))',
    'TEXT',
    {
      "{'l': [{'t': '2024-01-02 03:04:05'::TIMESTAMP}], 'm': MAP {1: '\\xAB'::BLOB}}":
        '{"l":[{"t":"2024-01-02 03:04:05.000"}],"m":{"1":"ab"}}',
    },
  ],
];

const query = TYPES.map(([type, , values]) =>
  [...Object.keys(values), 'NULL'].map((sql) => `(${sql})::${type}`),
);
const height = Math.max(...query.map((column) => column.length));
/** Columns of unequal length, filled up with NULL. */
const SELECT = Array.from(
  { length: height },
  (_, r) => `SELECT ${query.map((column, c) => `${column[r] ?? `NULL::${TYPES[c]![0]}`} AS c${c}`).join()}`,
).join(' UNION ALL ');

describe('files that DuckDB wrote', () => {
  const codecs = ['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'lz4_raw'];
  const versions = ["PARQUET_VERSION 'V1'", "PARQUET_VERSION 'V2'"];
  test.each(codecs.flatMap((codec) => versions.map((version) => [codec, version])))(
    'every type, %s, %s',
    async (codec, version) => {
      const { rows, affinities } = await readParquet(
        await duck.written(SELECT, `CODEC '${codec}', ${version}`),
      );
      expect(affinities).toEqual(TYPES.map(([, affinity]) => affinity));
      for (const [c, [type, , values]] of TYPES.entries()) {
        const column = rows.map((row) => row[c]);
        const expected = [...Object.values(values), ...new Array(height).fill(null)].slice(0, height);
        expect(column, type).toEqual(expected);
      }
    },
  );

  test('an unsigned integer beyond 64 bits with a sign is an error, not another number', async () => {
    const bytes = await duck.written('SELECT 18446744073709551615::UBIGINT AS big');
    await expect(readParquet(bytes)).rejects.toMatchObject({ code: 'INTEGER_OUT_OF_RANGE' });
  });

  test('timestamps are milliseconds where that is asked for', async () => {
    const bytes = await duck.written("SELECT '1969-12-31 23:59:59.9995'::TIMESTAMP AS t");
    expect((await readParquet(bytes, { epochMs: true })).rows).toEqual([[-1]]);
  });

  test('times next to midnight, far away and long ago', async () => {
    const ticks = [
      -1n,
      0n,
      86_399_999_999n,
      86_400_000_000n,
      9_007_199_254_740_991n,
      -62_135_596_800_000_001n,
    ];
    for (let day = 99_990n; day < 100_010n; day++)
      ticks.push(day * 86_400_000_000n - 1n, -day * 86_400_000_000n);
    const sql = `SELECT make_timestamp(t) AS t FROM (VALUES ${ticks.map((t) => `(${t}::BIGINT)`)}) v(t)`;
    const { rows } = await readParquet(await duck.written(sql));
    const expected = await duck.all(`SELECT strftime(t, '%Y-%m-%d %H:%M:%S.%f') FROM (${sql})`);
    const padded = (text: unknown) =>
      String(text)
        .replace(/^\+0(\d{5})/, '$1')
        .replace(/\.(\d{3})$/, '.$1000');
    expect(rows.slice(0, 5).map(([t]) => padded(t))).toEqual(expected.slice(0, 5).map(String));
    expect(rows.slice(6).map(([t]) => padded(t))).toEqual(expected.slice(6).map(String));
    expect(rows[5]).toEqual(['0000-12-31 23:59:59.999999']);
  });

  test('dictionaries, many pages and row groups, NULLs everywhere', async () => {
    const sql = `SELECT i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE 'k' || i % 13 END AS k,
      CASE WHEN i % 3 = 0 THEN NULL ELSE i / 8.0 END AS x, [i, i + 1] AS l FROM range(30000) t(i) ORDER BY i`;
    const bytes = await duck.written(sql, 'ROW_GROUP_SIZE 5000');
    const { rows } = await readParquet(bytes);
    const expected = await duck.all(`SELECT id::INTEGER, k, x, to_json(l)::VARCHAR FROM (${sql})`);
    expect(rows).toEqual(expected);
  });
});
