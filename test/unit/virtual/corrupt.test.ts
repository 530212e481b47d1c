import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isDosqlError } from '../../../src/errors/index.ts';
import { readParquet } from './parquet.ts';

const unhandled: unknown[] = [];
const listen = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', listen));
afterAll(() => void process.off('unhandledRejection', listen));

const bytes = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: 'id', type: 'INT32', data: Array.from({ length: 400 }, (_, i) => i), columnIndex: true },
      { name: 'label', type: 'STRING', data: Array.from({ length: 400 }, (_, i) => `label ${i % 20}`) },
      { name: 'real', type: 'DOUBLE', data: Array.from({ length: 400 }, (_, i) => i / 3) },
      { name: 'doc', type: 'JSON', data: Array.from({ length: 400 }, (_, i) => ({ i })) },
    ],
    rowGroupSize: 200,
    pageSize: 512,
  }),
);

describe('a damaged file', () => {
  test('is rows or one typed error, whichever byte is wrong, and nothing is left behind', async () => {
    let errors = 0;
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    for (let run = 0; run < 400; run++) {
      const damaged = bytes.slice();
      for (let n = 0; n <= run % 3; n++) damaged[4 + random(damaged.length - 8)] = random(256);
      try {
        await readParquet(damaged, { predicates: run % 2 ? [{ column: 0, op: '>', values: [150] }] : [] });
      } catch (error) {
        errors++;
        if (!isDosqlError(error)) throw error;
        expect(['CORRUPT_FILE', 'LIMIT_EXCEEDED', 'SOURCE_UNSUPPORTED']).toContain(error.code);
      }
    }
    expect(errors).toBeGreaterThan(50);
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  test.each([0, 4, 11, 12, 100, bytes.length - 1])('cut to %d bytes is CORRUPT_FILE', async (length) => {
    await expect(readParquet(bytes.slice(0, length))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  });

  test('pages that unpack to more than the limit are refused before they are unpacked', async () => {
    const zeros = parquetWriteBuffer({
      columnData: [{ name: 'x', type: 'STRING', data: ['a'.repeat(4_000_000), 'b'] }],
    });
    expect(zeros.byteLength).toBeLessThan(250_000);
    await expect(readParquet(new Uint8Array(zeros), { maxGroupBytes: 1_000_000 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  test('a run of values that stands for billions is refused before it is unrolled', async () => {
    const runs = new Uint8Array(
      parquetWriteBuffer({
        columnData: [{ name: 'x', type: 'INT32', nullable: true, data: new Array(300).fill(null) }],
      }),
    );
    // The number of values in the header of the first page: zigzag of 300 as a varint.
    const at = runs.findIndex((byte, i) => i > 4 && byte === 0xd8 && runs[i + 1] === 0x04);
    expect(at).toBeLessThan(40);
    const inflated = new Uint8Array([...runs.slice(0, at), 0xfe, 0xff, ...runs.slice(at + 2)]);
    await expect(readParquet(inflated)).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  });
});
