import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { openParquet, type ParquetOptions } from '../../../src/relation/parquet/parquet.ts';
import type { Cell, Predicate } from '../../../src/relation/provider.ts';

/** An independent reader and writer of Parquet, with a folder of its own. */
export async function duckdb() {
  const folder = mkdtempSync(join(tmpdir(), 'dosql-parquet-'));
  const connection: DuckDBConnection = await (await DuckDBInstance.create(':memory:')).connect();
  const all = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJS() as unknown[][];
  return {
    all,
    /** The file that DuckDB writes for a query. */
    async written(query: string, options = ''): Promise<Uint8Array<ArrayBuffer>> {
      const file = join(folder, 'written.parquet');
      await all(`COPY (${query}) TO '${file}' (FORMAT parquet${options && `, ${options}`})`);
      return new Uint8Array(readFileSync(file));
    },
    /** Rows that DuckDB reads from a file; `select` stands before FROM. */
    async read(bytes: Uint8Array, select = 'SELECT *'): Promise<unknown[][]> {
      const file = join(folder, 'read.parquet');
      writeFileSync(file, bytes);
      return all(`${select} FROM '${file}'`);
    },
    close() {
      connection.closeSync();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A file in memory, with the ranges that were asked for. */
export function sourceOf(bytes: Uint8Array, name = 'test.parquet') {
  const reads: [number, number][] = [];
  return {
    name,
    size: bytes.length,
    reads,
    async read(start: number, end: number): Promise<ArrayBuffer> {
      reads.push([start, end]);
      return bytes.slice(start, end).buffer as ArrayBuffer;
    },
  };
}

/** Everything in a file, as the project reads it. */
export async function readParquet(
  bytes: Uint8Array,
  { predicates = [], ...options }: ParquetOptions & { predicates?: Predicate[] } = {},
) {
  const file = await openParquet(sourceOf(bytes), options);
  const rows: Cell[][] = [];
  const all = { columns: file.columns.map((_, i) => i), predicates };
  for await (const batch of file.scan(all)) rows.push(...batch);
  return {
    names: file.columns.map(({ name }) => name),
    affinities: file.columns.map(({ affinity }) => affinity),
    rows,
  };
}
