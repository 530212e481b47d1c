import type { SchemaElement } from 'hyparquet';
import type { ColumnSource, ParquetWriter as Writer } from 'hyparquet-writer';
import type { Cell } from '../relation/provider.ts';
import { type Kind, tag } from './kinds.ts';
import type { StoredRow } from './rows.ts';
import type { TierTable } from './table.ts';
import { ZoneBuilder, type ZoneMap } from './zone.ts';

/** Name of the column that keeps the rowid of a row whose key is another column. */
export const ROWID = '_dosql_rowid';

/** Rows of a row group: what a look-up by an unsorted column has to read. */
export const GROUP_ROWS = 10_000;
/** Pages are what a look-up by a sorted column has to read. */
const PAGE_BYTES = 12_288;

const TYPES: Record<Kind, Partial<SchemaElement>> = {
  i: { type: 'INT64' },
  r: { type: 'DOUBLE' },
  t: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  b: { type: 'BYTE_ARRAY' },
  j: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};

/** A file as it is written. */
export interface WrittenSegment {
  readonly bytes: Uint8Array;
  /** Where the last page ends: from there on are indexes, Bloom filters and the footer. */
  readonly tail: number;
  readonly zone: ZoneMap;
  readonly rows: number;
}

/** Writes one Parquet file in memory, a row group at a time. */
export class SegmentWriter {
  readonly #zones: ZoneBuilder[];
  #rows = 0;

  private constructor(
    readonly table: TierTable,
    readonly kinds: readonly Kind[],
    readonly by: number,
    readonly writer: Writer,
  ) {
    this.#zones = kinds.map((kind) => new ZoneBuilder(kind));
  }

  /** `by` is the position of the column that rows are sorted by. */
  static async open(
    table: TierTable,
    kinds: readonly Kind[],
    by: number,
    version: number,
  ): Promise<SegmentWriter> {
    const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
    const { columns, rowid, integerKey } = table;
    const fields = columns.map(({ name }, i) => ({ name, repetition_type: 'OPTIONAL', ...TYPES[kinds[i]!] }));
    if (rowid && !integerKey) fields.push({ name: ROWID, repetition_type: 'REQUIRED', type: 'INT64' });
    const description = { format: 1, table: table.name, version, kinds: kinds.join(''), columns };
    const writer = new ParquetWriter({
      writer: new ByteWriter(),
      schema: [{ name: 'root', num_children: fields.length }, ...fields] as SchemaElement[],
      kvMetadata: [{ key: 'dosql', value: JSON.stringify(description) }],
      createdBy: '@dotdo/dosql',
    });
    return new SegmentWriter(table, kinds, by, writer);
  }

  /** Bytes so far. */
  get size(): number {
    return this.writer.writer.offset;
  }

  write(rows: readonly StoredRow[]): void {
    const { table, kinds } = this;
    const data: ColumnSource[] = table.columns.map(({ name }, i) => ({
      name,
      // A dictionary takes 0 and -0 for one value.
      ...(kinds[i] === 'r' &&
        rows.some(({ cells }) => Object.is(cells[i], -0)) && { encoding: 'PLAIN' as const }),
      data: rows.map(({ cells, classes }) => {
        const cell = cells[i]!;
        this.#zones[i]!.add(cell);
        return encode(cell, kinds[i]!, classes[i]!);
      }),
      // Sorted by these, or nearly so: their pages tell where a value is.
      columnIndex: i === this.by || table.key.includes(i),
      bloomFilter: kinds[i] === 't' && table.key.includes(i),
    }));
    if (table.rowid && !table.integerKey)
      data.push({
        name: ROWID,
        data: rows.map(({ at }) => BigInt(at)),
        columnIndex: false,
        bloomFilter: false,
      });
    this.writer.write({
      columnData: data,
      rowGroupSize: rows.length,
      pageSize: PAGE_BYTES,
      dictionarySize: PAGE_BYTES,
    });
    this.#rows += rows.length;
  }

  finish(): WrittenSegment {
    const tail = this.size;
    this.writer.finish();
    const zone: ZoneMap = {};
    for (const [i, { id }] of this.table.columns.entries()) zone[id] = this.#zones[i]!.zone;
    return { bytes: this.writer.writer.getBytes(), tail, zone, rows: this.#rows };
  }
}

function encode(cell: Cell, kind: Kind, type: string): unknown {
  if (cell === null) return null;
  if (kind === 'j') return tag(cell, type);
  if (kind === 'i') return BigInt(cell as number | bigint);
  return cell;
}
