import type { FileMetaData, ParquetParsers, SchemaTree } from 'hyparquet';
import { DosqlError, isDosqlError } from '../../errors/index.ts';
import type { Cell, Scan } from '../provider.ts';
import { type ByteSource, FetchedBytes } from './bytes.ts';
import { compressors } from './codecs.ts';
import { type ColumnPages, guardPages } from './pages.ts';
import { dropDoubtfulBounds, pruningFilter } from './prune.ts';
import { boundParsers, columnsOf, type ParquetColumn, parsersFor, type TypeOptions } from './types.ts';

export type { ByteSource } from './bytes.ts';
export type { ParquetColumn, TypeOptions } from './types.ts';

export interface ParquetOptions extends TypeOptions {
  /** What {@link readFooter} gave for this very file, so that it need not be read again. */
  readonly footer?: ArrayBuffer;
  /** Bytes that the needed columns of one row group may take when decoded; default 64 MB. @see LIMIT_EXCEEDED */
  readonly maxGroupBytes?: number;
}

/** Row ranges and bytes of one scan. */
export interface ParquetReport {
  rowGroupsRead: number;
  rowGroupsSkipped: number;
  bytesRead: number;
}

/** Rows of a batch: enough to make the work between batches cheap, few enough to be collected young. */
const BATCH = 8192;
const FOOTER_GUESS = 65_536;
const MAX_GROUP_BYTES = 64 * 1024 * 1024;

/**
 * One Parquet file: the columns it has, and its rows one row group at a time. Libraries are loaded on first use.
 * @throws CORRUPT_FILE, SOURCE_UNSUPPORTED, and what the source throws
 */
export async function openParquet(source: ByteSource, options: ParquetOptions = {}): Promise<ParquetFile> {
  const footer = options.footer ?? (await readFooter(source));
  const { parquetMetadata, parquetSchema } = await import('hyparquet');
  return decoding(source.name, async () => {
    const parsers = parsersFor(options);
    const metadata = parquetMetadata(footer, { parsers: boundParsers(parsers), geoparquet: false });
    dropDoubtfulBounds(metadata);
    const tree = parquetSchema(metadata);
    return new ParquetFile(source, metadata, tree, columnsOf(source.name, tree, options), parsers, options);
  });
}

/** The bytes from the file's metadata to its end, as {@link ParquetOptions.footer} takes them. @throws CORRUPT_FILE */
export async function readFooter(source: ByteSource, guess = FOOTER_GUESS): Promise<ArrayBuffer> {
  const { name, size } = source;
  if (size < 12) throw corrupt(name, `${size} bytes are too few for a Parquet file`);
  const tail = await source.read(Math.max(0, size - guess), size);
  const view = new DataView(tail);
  if (view.getUint32(tail.byteLength - 4) !== 0x50415231) throw corrupt(name, 'it does not end with PAR1');
  const length = view.getUint32(tail.byteLength - 8, true) + 8;
  if (length > size || length > MAX_GROUP_BYTES) throw corrupt(name, 'its footer is longer than the file');
  return length <= tail.byteLength ? tail.slice(tail.byteLength - length) : source.read(size - length, size);
}

/** @see openParquet */
export class ParquetFile {
  constructor(
    readonly source: ByteSource,
    readonly metadata: FileMetaData,
    readonly tree: SchemaTree,
    /** The top-level columns, in the file's order. */
    readonly columns: readonly ParquetColumn[],
    readonly parsers: ParquetParsers,
    readonly options: ParquetOptions,
  ) {}

  /** How many rows and row groups survive the statistics, without reading values. */
  async inspect(scan: Scan): Promise<ParquetReport> {
    return (await this.#plan(scan)).report();
  }

  /**
   * The rows that statistics, Bloom filters and page indexes cannot exclude, at most `scan.limit` of them, in the
   * file's order. One row group is held at a time.
   * @throws CORRUPT_FILE, LIMIT_EXCEEDED, SOURCE_UNSUPPORTED, and what the source throws
   */
  async *scan(scan: Scan, report?: (report: ParquetReport) => void): AsyncGenerator<Cell[][]> {
    const { name } = this.source;
    const plan = await this.#plan(scan);
    let left = scan.limit ?? Number.POSITIVE_INFINITY;
    try {
      for (const { rowStart, rowEnd } of plan.ranges) {
        if (left <= 0) break;
        const end = Math.min(rowEnd, rowStart + left);
        left -= end - rowStart;
        const cells = await decoding(name, () => plan.read(rowStart, end));
        for (let from = 0; from < end - rowStart; from += BATCH) {
          const rows = new Array<Cell[]>(Math.min(BATCH, end - rowStart - from));
          for (let i = 0; i < rows.length; i++) {
            const row = new Array<Cell>(cells.length);
            for (let c = 0; c < cells.length; c++) row[c] = cells[c]![from + i] as Cell;
            rows[i] = row;
          }
          yield rows;
        }
      }
    } finally {
      report?.(plan.report());
    }
  }

  async #plan({ columns, predicates }: Scan) {
    const { source, metadata, options, parsers } = this;
    const wanted = columns.map((at) => this.columns[at]!);
    const names = wanted.map(({ name }) => name);
    const limit = options.maxGroupBytes ?? MAX_GROUP_BYTES;
    const groups = await decoding(source.name, async () => groupsOf(metadata, this.tree, new Set(names)));
    const unpack = await compressors(source.name, limit);
    const pages = groups.flatMap(({ ranges }) => ranges);
    const file = new FetchedBytes(source, await guardPages(source.name, pages, limit, unpack));
    const filter = pruningFilter(predicates, this.columns);
    const { parquetScan } = await import('hyparquet');
    // The library reads values with the parsers that are in this object then, and bounds with those in it now.
    const switched = boundParsers(parsers);
    const scan = await decoding(source.name, async () =>
      parquetScan({
        file,
        metadata,
        columns: names,
        ...(filter && { pruningFilter: filter, useBloomFilters: true, usePageIndex: true }),
        parsers: switched,
        compressors: unpack,
        utf8: false,
        geoparquet: false,
      }),
    );
    Object.assign(switched, parsers);
    const groupAt = (row: number) => groups.find(({ end }) => row < end)!;
    const read = async (rowStart: number, rowEnd: number) => {
      const group = groupAt(rowStart);
      if (group.bytes > limit)
        throw new DosqlError(
          'LIMIT_EXCEEDED',
          `A row group of ${source.name} takes ${group.bytes} bytes in ${names.length} columns, over the limit of ${limit}: read fewer columns, or write smaller row groups.`,
          { limit: { name: 'row group bytes', value: limit, actual: group.bytes } },
        );
      // Part of a group: the page index knows which pages; all of it: neighbouring columns in one request.
      await file.fetch(rowEnd - rowStart === group.end - group.start ? group.ranges : []);
      return Promise.all(
        wanted.map(async (column) => {
          const values = await scan.readColumn({ column: column.name, rowStart, rowEnd });
          if (values.length !== rowEnd - rowStart)
            throw corrupt(
              source.name,
              `column ${column.name} has ${values.length} of ${rowEnd - rowStart} rows`,
            );
          return column.cells(values);
        }),
      );
    };
    const report = (): ParquetReport => {
      const kept = new Set(scan.ranges.map(({ rowStart }) => groupAt(rowStart)));
      return {
        rowGroupsRead: kept.size,
        rowGroupsSkipped: groups.length - kept.size,
        bytesRead: file.bytesRead,
      };
    };
    return { ranges: scan.ranges, read, report };
  }
}

/** One row group: its rows, where its needed columns lie, and what they may take when decoded. */
export interface Group {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly ranges: readonly ColumnPages[];
}

function groupsOf(metadata: FileMetaData, tree: SchemaTree, names: ReadonlySet<string>): Group[] {
  let end = 0;
  return metadata.row_groups.map(({ columns, num_rows }) => {
    const start = end;
    end += Number(num_rows);
    let bytes = 0;
    const ranges = columns.flatMap(({ meta_data: meta }) => {
      if (!meta || !names.has(meta.path_in_schema[0]!)) return [];
      const values = Number(meta.num_values);
      // A decoded value takes a pointer at least, however well the file packs it.
      bytes += Math.max(Number(meta.total_uncompressed_size), 8 * values);
      const first = Number(meta.dictionary_page_offset || meta.data_page_offset);
      let [node, definition, repetition] = [tree, 0, 0];
      for (const part of meta.path_in_schema) {
        node = node.children.find(({ element }) => element.name === part)!;
        if (node.element.repetition_type !== 'REQUIRED') definition++;
        if (node.element.repetition_type === 'REPEATED') repetition++;
      }
      const { codec, type } = meta;
      const end = first + Number(meta.total_compressed_size);
      return [{ start: first, end, values, codec, type, definition, repetition }];
    });
    return { start, end, bytes, ranges };
  });
}

/** Runs the library: whatever it throws is one kind of error, which names the file. */
async function decoding<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isDosqlError(error)) throw error;
    throw corrupt(name, error instanceof Error ? error.message : String(error), error);
  }
}

function corrupt(name: string, why: string, cause?: unknown): DosqlError {
  return new DosqlError('CORRUPT_FILE', `${name} cannot be read as Parquet: ${why}.`, { cause });
}
