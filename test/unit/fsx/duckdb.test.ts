import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, it } from 'vitest';
import type { Kind } from '../../../src/fsx/kinds.ts';
import type { StoredRow } from '../../../src/fsx/rows.ts';
import { SegmentWriter } from '../../../src/fsx/segment-writer.ts';
import type { TierTable } from '../../../src/fsx/table.ts';
import type { Cell } from '../../../src/relation/provider.ts';

const folder = mkdtempSync(join(tmpdir(), 'dosql-segments-'));
afterAll(() => rmSync(folder, { recursive: true }));

const table: TierTable = {
  name: 'all "kinds"',
  columns: (['INTEGER', 'REAL', 'TEXT', '', 'TEXT', 'TEXT'] as const).map((affinity, id) => ({
    id,
    name: ['id', 'real', 'text', 'blob', 'mixed', "it's a.name"][id]!,
    affinity,
  })),
  key: [2],
  rowid: 'rowid',
};
const KINDS: Kind[] = ['i', 'r', 't', 'b', 'j', 't'];

const INTEGERS = [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
const REALS = [0, -0, 0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, Infinity, -Infinity, 2 ** 60];
const TEXTS = ['', "it's", 'ä€😀\u{10ffff}', 'a\ufeffbom', 'line\nbreak', 'x'.repeat(5000), '5'];

/** Every value beside every other, and NULLs among them. */
function rows(count: number): StoredRow[] {
  return Array.from({ length: count }, (_, i) => {
    const cells: Cell[] = [
      i % 11 ? INTEGERS[i % INTEGERS.length]! : null,
      i % 7 ? REALS[i % REALS.length]! : null,
      `key ${i}`,
      i % 5 ? Uint8Array.from([i & 255, 0, (i >> 8) & 255]) : null,
      [i, i / 3, `t${i}`, null][i % 4]!,
      i % 13 ? TEXTS[i % TEXTS.length]! : null,
    ];
    const classes = cells
      .map((cell, at) => (cell === null ? 'n' : at === 4 ? 'irtn'[i % 4]! : KINDS[at]!))
      .join('');
    return { cells, classes, at: `${i + 1}` };
  });
}

async function written(groups: readonly StoredRow[][]) {
  const writer = await SegmentWriter.open(table, KINDS, 0, 1);
  for (const group of groups) writer.write(group);
  return writer.finish();
}

describe('archived files', () => {
  it('are read by DuckDB, value by value', async () => {
    const all = rows(3000);
    const { bytes, rows: count } = await written([all.slice(0, 2000), all.slice(2000)]);
    expect(count).toBe(3000);
    const file = join(folder, 'segment.parquet');
    writeFileSync(file, bytes);
    const connection = await (await DuckDBInstance.create()).connect();
    const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
    expect(reader.columnNames()).toEqual([
      'id',
      'real',
      'text',
      'blob',
      'mixed',
      "it's a.name",
      '_dosql_rowid',
    ]);
    const found = reader.getRows();
    expect(found).toHaveLength(3000);
    for (const [i, { cells }] of all.entries()) {
      const [id, real, text, blob, mixed, odd, rowid] = found[i]!;
      expect(id).toBe(cells[0]);
      expect(real).toBe(cells[1]);
      expect(text).toBe(cells[2]);
      expect(blob && Uint8Array.from((blob as { bytes: Uint8Array }).bytes)).toEqual(cells[3]);
      const type = 'irtn'[i % 4];
      expect(mixed).toBe(cells[4] === null ? null : JSON.stringify([type, `${cells[4]}`]));
      expect(odd).toBe(cells[5]);
      expect(rowid).toBe(BigInt(i + 1));
    }
    const groups = await connection.runAndReadAll(
      `SELECT row_group_id, any_value(row_group_num_rows), count(*) FILTER (compression = 'SNAPPY') FROM parquet_metadata('${file}') GROUP BY 1 ORDER BY 1`,
    );
    expect(groups.getRows()).toEqual([
      [0n, 2000n, 7n],
      [1n, 1000n, 7n],
    ]);
    const meta = await connection.runAndReadAll(`SELECT key, value FROM parquet_kv_metadata('${file}')`);
    const [[, value]] = meta.getRows() as [[unknown, { bytes: Uint8Array }]];
    expect(JSON.parse(new TextDecoder().decode(value.bytes))).toMatchObject({
      format: 1,
      table: table.name,
      kinds: 'irtbjt',
    });
    // Its statistics agree with what is in the file.
    const absent = await connection.runAndReadAll(
      `SELECT count(*) FROM read_parquet('${file}') WHERE "text" = 'key 3001'`,
    );
    expect(absent.getRows()).toEqual([[0n]]);
    const present = await connection.runAndReadAll(
      `SELECT id FROM read_parquet('${file}') WHERE "text" = 'key 2500'`,
    );
    expect(present.getRows()).toEqual([[all[2500]!.cells[0]]]);
  });

  it('are the same bytes for the same rows', async () => {
    const a = await written([rows(500)]);
    const b = await written([rows(500)]);
    expect(Buffer.from(a.bytes).equals(Buffer.from(b.bytes))).toBe(true);
    expect(a.tail).toBe(b.tail);
    expect(a.zone).toEqual(b.zone);
  });
});
