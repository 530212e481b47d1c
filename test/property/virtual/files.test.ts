import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import type { Cell } from '../../../src/relation/provider.ts';
import { FileCache } from '../../../src/virtual/cache.ts';
import { CsvParser } from '../../../src/virtual/csv.ts';
import type { ExternalFile } from '../../../src/virtual/file.ts';
import { parseGlob } from '../../../src/virtual/glob.ts';
import { DEFAULTS, type ReadOptions } from '../../../src/virtual/options.ts';
import { openReader } from '../../../src/virtual/reader.ts';
import { FilesTable } from '../../../src/virtual/table.ts';
import { PROVIDER_CONTRACT } from '../relation/provider-contract.ts';

const RUNS = 200 * Number(process.env['DOSQL_RUNS'] ?? 1);

/** A file in memory in the place of one that is fetched. */
function fileOf(path: string, bytes: Uint8Array<ArrayBuffer>): ExternalFile {
  return {
    name: path,
    identity: path,
    path,
    content: async () => ({ bytes }),
    open: async () => ({
      name: path,
      size: bytes.length,
      version: '1',
      read: async (start, end) => bytes.slice(start, end).buffer,
    }),
  };
}

function tableOf(files: readonly ExternalFile[], options: ReadOptions = {}): FilesTable {
  const cache = new FileCache();
  return new FilesTable('files', files, options, (file) =>
    openReader(file, options, DEFAULTS, { limit: DEFAULTS.maxBytes, used: 0 }, cache),
  );
}

const text = (content: string) => new TextEncoder().encode(content) as Uint8Array<ArrayBuffer>;
const names = ['id', 'label', 'real', 'mixed'];
const rows: Cell[][] = Array.from({ length: 60 }, (_, i) => [
  i - 5,
  ['a', 'é', '', '😀', 'z\uffee', null][i % 6]!,
  i % 7 === 0 ? null : i / 4 + 0.5,
  i % 3 === 0 ? 9007199254740993n : i,
]);
const records = rows.map((row) => Object.fromEntries(names.map((name, c) => [name, row[c]])));
const json = (value: unknown) =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? JSON.rawJSON(`${part}`) : part));
const quoted = (cell: Cell) => (cell === null ? '' : typeof cell === 'string' ? `"${cell}"` : `${cell}`);
const csv = [names, ...rows.map((row) => row.map(quoted))].map((fields) => fields.join()).join('\n');
const parquet = (part: readonly (readonly Cell[])[]) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'id', type: 'INT32', data: part.map((row) => row[0]), columnIndex: true },
        {
          name: 'label',
          type: 'STRING',
          data: part.map((row) => row[1]),
          bloomFilter: true,
          columnIndex: true,
        },
        { name: 'real', type: 'DOUBLE', data: part.map((row) => row[2]), bloomFilter: true },
        { name: 'mixed', type: 'INT64', data: part.map((row) => BigInt(row[3] as number)) },
      ],
      rowGroupSize: 13,
      pageSize: 32,
    }),
  );

const SUBJECTS: Record<string, () => FilesTable> = {
  JSON: () => tableOf([fileOf('a.json', text(json(records)))]),
  NDJSON: () => tableOf([fileOf('a.ndjson', text(records.map(json).join('\n')))]),
  CSV: () => tableOf([fileOf('a.csv', text(csv))]),
  Parquet: () => tableOf([fileOf('a.parquet', parquet(rows))]),
  'several files of several formats': () =>
    tableOf([
      fileOf('a.parquet', parquet(rows.slice(0, 20))),
      fileOf('b.json', text(json(records.slice(20, 40)))),
      fileOf('c.parquet', parquet(rows.slice(40))),
    ]),
  'declared columns': () =>
    tableOf([fileOf('a.parquet', parquet(rows))], {
      columns: { id: 'INTEGER', label: 'TEXT', real: 'REAL', mixed: 'NUMERIC' },
    }),
};

describe.each(Object.entries(SUBJECTS))('%s as a relation', (_name, open) => {
  for (const [name, check] of Object.entries(PROVIDER_CONTRACT)) test(name, () => check({ open, rows }));
});

test('partitions are constants of their file', async () => {
  const files = ['y=1/k=b%20c/a.json', 'y=02/k=x/a.json', 'y=1/k=__HIVE_DEFAULT_PARTITION__/a.json'].map(
    (path, i) => fileOf(path, text(json([{ id: i, y: 'overridden' }]))),
  );
  const table = tableOf(files);
  expect(await table.columns()).toMatchObject([
    { name: 'id' },
    { name: 'y', affinity: 'TEXT' },
    { name: 'k' },
  ]);
  const found: unknown[] = [];
  for await (const batch of table.scan({ columns: [0, 1, 2], predicates: [] })) found.push(...batch);
  expect(found).toEqual([
    [0, '1', 'b c'],
    [1, '02', 'x'],
    [2, '1', null],
  ]);
  const report = await table.inspect({ columns: [0], predicates: [{ column: 2, op: '>=', values: ['x'] }] });
  expect(report).toMatchObject({ filesRead: 1, filesSkipped: 2 });
});

describe('CSV', () => {
  const field = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', ';') }),
    fc.string(),
  );
  test('any fields, quoted, come back, however the text is cut into pieces', () => {
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1 }));
    fc.assert(
      fc.property(
        table,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.integer({ min: 1, max: 9 }),
        (rows, end, piece) => {
          const written = rows
            .map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join())
            .join(end);
          const found: (string | null)[][] = [];
          const parser = new CsvParser('x', {}, (fields) => found.push(fields));
          for (let at = 0; at < written.length; at += piece) parser.push(written.slice(at, at + piece));
          parser.end();
          expect(found).toEqual(rows);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

describe('globs', () => {
  test.each([
    ['a/*.json', ['a/b.json'], ['a/b/c.json', 'a.json', 'a/b.jsonl']],
    ['a/**/*.json', ['a/b.json', 'a/b/c/d.json'], ['ab.json']],
    ['**', ['a', 'a/b'], []],
    ['a?[bc]{d,e*}', ['axbd', 'aycexyz'], ['a/bd', 'axad', 'axbf']],
    ['x[!a]y', ['xby'], ['xay', 'x/y']],
    ['x[', ['x['], ['x']],
    ['(a|b)+.$^\\*', ['(a|b)+.$^\\z'], ['a']],
  ])('%s', (pattern, matching, others) => {
    const glob = parseGlob(pattern)!;
    expect(matching.filter((key) => glob.matches(key))).toEqual(matching);
    expect(others.filter((key) => glob.matches(key))).toEqual([]);
  });

  test('many wildcards and long keys take no time', () => {
    const key = 'a'.repeat(1000);
    const started = performance.now();
    for (const pattern of ['*a'.repeat(100), '**/*a*a*a*a', '{*a,*aa}'.repeat(50), '**'.repeat(200)])
      expect(parseGlob(`${pattern}b`)!.matches(key)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(parseGlob('[z-a]*')!.matches('b')).toBe(false);
  });

  test('what matches begins with the prefix that is listed', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '?', '**', '[ab]', '{a,b}', '.');
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '/', '.') }),
        (parts, key) => {
          const glob = parseGlob(parts.join(''));
          if (glob?.matches(key)) expect(key.startsWith(glob.prefix)).toBe(true);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
