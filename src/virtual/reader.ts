import { DosqlError } from '../errors/index.ts';
import type { ParquetReport } from '../relation/parquet/parquet.ts';
import type { Cell, RelationColumn, Scan } from '../relation/provider.ts';
import type { FileCache } from './cache.ts';
import { readCsv } from './csv.ts';
import type { ExternalFile } from './file.ts';
import { readJson, readNdjson } from './json.ts';
import type { Format, Limits, ReadOptions } from './options.ts';
import type { Budget } from './request.ts';
import type { Table } from './rows.ts';

/** One open file: its columns, and its rows in their order. */
export interface Reader {
  readonly columns: readonly RelationColumn[];
  /** A column may be missing because no row has a value for it. */
  readonly sparse?: boolean;
  scan(scan: Scan, report: (report: ParquetReport) => void): AsyncIterable<readonly (readonly Cell[])[]>;
  inspect(scan: Scan): Promise<ParquetReport>;
}

const BATCH = 4096;

const EXTENSIONS: Readonly<Record<string, Format>> = {
  parquet: 'parquet',
  json: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  csv: 'csv',
  tsv: 'csv',
};

const TYPES: readonly [RegExp, Format][] = [
  [/^application\/(vnd\.apache\.)?(x-)?parquet\b/, 'parquet'],
  [/^application\/(x-ndjson|jsonl|x-jsonlines|json-seq)\b/, 'ndjson'],
  [/^application\/([\w.-]+\+)?json\b|^text\/json\b/, 'json'],
  [/^text\/(csv|tab-separated-values)\b|^application\/csv\b/, 'csv'],
];

/** Opens a file in the format that is asked for, or that its name or content type says. @throws SOURCE_UNSUPPORTED */
export async function openReader(
  file: ExternalFile,
  options: ReadOptions,
  limits: Limits,
  budget: Budget,
  cache: FileCache,
): Promise<Reader> {
  const extension = /\.([a-z\d]+)(?:\.gz)?$/i.exec(file.path)?.[1]?.toLowerCase() ?? '';
  const format = options.format ?? EXTENSIONS[extension];
  if (format === 'parquet') return openParquetReader(file, options, budget, cache);
  const { bytes, contentType = '' } = await cache.content(file, budget, limits);
  const type = contentType.trim().toLowerCase();
  const known = format ?? TYPES.find(([pattern]) => pattern.test(type))?.[1];
  const tabs = (extension === 'tsv' || /^text\/tab/.test(type)) && options.delim === undefined;
  const count = (rows: number) => {
    if (rows <= limits.maxRows) return;
    throw new DosqlError('LIMIT_EXCEEDED', `${file.name} has more than ${limits.maxRows} rows (maxRows).`, {
      limit: { name: 'maxRows', value: limits.maxRows },
    });
  };
  switch (known) {
    case 'parquet':
      return openParquetReader(file, options, budget, cache);
    case 'json':
      return { ...tableReader(readJson(file.name, bytes, options.path, count), bytes.length), sparse: true };
    case 'ndjson':
      return { ...tableReader(readNdjson(file.name, bytes, count), bytes.length), sparse: true };
    case 'csv':
      return tableReader(
        readCsv(file.name, bytes, tabs ? { ...options, delim: '\t' } : options, count),
        bytes.length,
      );
    default:
      throw new DosqlError(
        'SOURCE_UNSUPPORTED',
        `${file.name} does not say what it is (extension ${JSON.stringify(extension)}, content type ${JSON.stringify(type)}): use read_json, read_csv or read_parquet.`,
      );
  }
}

async function openParquetReader(
  file: ExternalFile,
  { epoch_ms = false }: ReadOptions,
  budget: Budget,
  cache: FileCache,
): Promise<Reader> {
  const [{ openParquet }, { source, footer, bytesRead }] = await Promise.all([
    import('../relation/parquet/parquet.ts'),
    cache.footer(file, budget),
  ]);
  const parquet = await openParquet(source, { footer, epochMs: epoch_ms });
  const withFooter = (report: ParquetReport) => ({ ...report, bytesRead: report.bytesRead + bytesRead });
  return {
    columns: parquet.columns,
    scan: (scan, report) => parquet.scan(scan, (one) => report(withFooter(one))),
    inspect: async (scan) => withFooter(await parquet.inspect(scan)),
  };
}

function tableReader({ columns, rows }: Table, bytesRead: number): Reader {
  const all = { rowGroupsRead: 0, rowGroupsSkipped: 0, bytesRead };
  return {
    columns,
    async *scan(scan, report) {
      report(all);
      const end = Math.min(rows.length, scan.limit ?? rows.length);
      for (let from = 0; from < end; from += BATCH)
        yield rows
          .slice(from, Math.min(end, from + BATCH))
          .map((row) => scan.columns.map((c) => row[c] ?? null));
    },
    inspect: async () => all,
  };
}
