import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, test } from 'vitest';
import { put, withVirtual } from './open.ts';

const sales = (region: string, from: number, extra = false) =>
  parquetWriteBuffer({
    columnData: [
      { name: 'id', type: 'INT32', data: Array.from({ length: 100 }, (_, i) => from + i) },
      { name: 'region', type: 'STRING', data: new Array(100).fill(region) },
      { name: 'amount', type: 'DOUBLE', data: Array.from({ length: 100 }, (_, i) => i + 0.5) },
      ...(extra ? [{ name: 'note', type: 'STRING' as const, data: new Array(100).fill('x') }] : []),
    ],
    rowGroupSize: 25,
  });

beforeAll(() =>
  put({
    'sales/2026/a.parquet': sales('US', 0),
    'sales/2026/b.parquet': sales('EU', 100),
    'hive/year=2025/month=1/x.parquet': sales('US', 0),
    'hive/year=2025/month=12/x.parquet': sales('US', 100),
    'hive/year=2026/month=1/x.parquet': sales('EU', 200, true),
    'broken.parquet': 'PAR1 but nothing else',
    'empty.parquet': '',
  }),
);

describe('Parquet files in R2', () => {
  test('the seed: a sum over a glob', () =>
    withVirtual(async (db) => {
      const { rows } = await db.query(
        `SELECT SUM(amount) AS total FROM 'r2://b/sales/2026/*.parquet' WHERE region = 'US'`,
      );
      expect(rows).toEqual([{ total: 5000 }]);
    }));

  // Sizes at and around those of the runtime's own chunks.
  test.each([
    ['GZIP', gzipSync],
    ['BROTLI', brotliCompressSync],
    ['ZSTD', zstdCompressSync],
  ] as const)('large pages packed with %s', (codec, pack) =>
    withVirtual(async (db) => {
      for (const count of [8192, 25_000, 272_727]) {
        const data = Array.from({ length: count }, (_, i) => i % 1000);
        const packed = (input: Uint8Array) => new Uint8Array(pack(input));
        const column = {
          name: 'n',
          type: 'DOUBLE' as const,
          encoding: 'PLAIN' as const,
          nullable: false,
          data,
        };
        const file = parquetWriteBuffer({
          columnData: [column],
          codec,
          compressors: { [codec]: packed },
          pageSize: 4_000_000,
        });
        await put({ 'large.parquet': file });
        const { rows } = await db.query(`SELECT count(*) AS n, sum(n) AS s FROM 'r2://b/large.parquet'`);
        expect(rows).toEqual([{ n: count, s: data.reduce((sum, n) => sum + n, 0) }]);
      }
    }),
  );

  test('explain tells what is read and what statistics leave out', () =>
    withVirtual(async (db) => {
      const { sources } = await db.explain(
        `SELECT amount FROM 'r2://b/sales/2026/*.parquet' WHERE id = ?`,
        [130],
      );
      expect(sources).toMatchObject([
        { filesRead: 1, filesSkipped: 1, rowGroupsRead: 1, rowGroupsSkipped: 7 },
      ]);
    }));

  test('partitions are columns, and leave out files unread', () =>
    withVirtual(async (db) => {
      const from = `FROM read_parquet('r2://b/hive/**/*.parquet', hive_partitioning = true)`;
      const { rows } = await db.query(
        `SELECT year, month, count(*) AS n ${from} GROUP BY year, month ORDER BY 1, 2`,
      );
      expect(rows).toEqual([
        { year: 2025, month: 1, n: 100 },
        { year: 2025, month: 12, n: 100 },
        { year: 2026, month: 1, n: 100 },
      ]);
      const { sources } = await db.explain(`SELECT sum(amount) ${from} WHERE year = 2025 AND month >= 12`);
      expect(sources).toMatchObject([{ filesRead: 1, filesSkipped: 2 }]);
    }));

  test('different columns: the first file decides, or all by name', () =>
    withVirtual(async (db) => {
      const other = `['r2://b/hive/year=2026/month=1/x.parquet', 'r2://b/hive/year=2025/month=1/x.parquet']`;
      await expect(db.query(`SELECT note FROM read_parquet(${other})`)).rejects.toMatchObject({
        code: 'NO_SUCH_COLUMN',
        columns: ['note'],
      });
      const { rows } = await db.query(
        `SELECT filename, count(note) AS n FROM read_parquet(${other}, union_by_name = true, filename = true) GROUP BY 1 ORDER BY 1`,
      );
      expect(rows).toEqual([
        { filename: 'r2://b/hive/year=2025/month=1/x.parquet', n: 0 },
        { filename: 'r2://b/hive/year=2026/month=1/x.parquet', n: 100 },
      ]);
    }));

  test.each([
    [`'r2://b/none/*.parquet'`, 'SOURCE_NOT_FOUND'],
    [`'r2://b/none.parquet'`, 'SOURCE_NOT_FOUND'],
    [`'r2://b/none.json'`, 'SOURCE_NOT_FOUND'],
    [`'r2://other/a.parquet'`, 'SOURCE_FORBIDDEN'],
    [`'r2://constructor/a.parquet'`, 'SOURCE_FORBIDDEN'],
    [`'r2://b/broken.parquet'`, 'CORRUPT_FILE'],
    [`'r2://b/empty.parquet'`, 'CORRUPT_FILE'],
    [`'r2://b/empty*.parquet'`, 'CORRUPT_FILE'],
    [`'s3://b/a.parquet'`, 'SOURCE_FORBIDDEN'],
    [`read_json('r2://b/sales/2026/a.parquet')`, 'CORRUPT_FILE'],
    [`read_parquet('r2://b/sales/2026/a.parquet', nonsense = 1)`, 'INVALID_ARGUMENT'],
    [`read_parquet()`, 'INVALID_ARGUMENT'],
  ])('%s is %s', (from, code) =>
    withVirtual(async (db) => {
      await expect(db.query(`SELECT * FROM ${from}`)).rejects.toMatchObject({ code });
    }),
  );

  test('limits of files and bytes', () =>
    withVirtual(
      async (db) => {
        await expect(db.query(`SELECT * FROM 'r2://b/hive/**/*.parquet'`)).rejects.toMatchObject({
          code: 'LIMIT_EXCEEDED',
          limit: { name: 'maxFiles', value: 2 },
        });
      },
      { maxFiles: 2 },
    ));
});
