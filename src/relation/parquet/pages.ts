import type { ColumnMetaData, Compressors } from 'hyparquet';
import { DosqlError } from '../../errors/index.ts';

/** The pages of one column in one row group. */
export interface ColumnPages {
  readonly start: number;
  readonly end: number;
  /** Values, NULLs included. */
  readonly values: number;
  readonly codec: ColumnMetaData['codec'];
  readonly type: ColumnMetaData['type'];
  /** Levels of nesting: how many are optional or repeated, and how many repeated. */
  readonly definition: number;
  readonly repetition: number;
}

/** Bit-packed runs are padded. */
const PADDING = 512;

/**
 * Checks pages before they are decoded: a run of a few bytes can stand for billions of values, which would end the isolate
 * instead of failing.
 * @throws CORRUPT_FILE when called with bytes of a column that claim more values than the file's footer allows it
 */
export async function guardPages(
  name: string,
  columns: readonly ColumnPages[],
  limit: number,
  unpack: Compressors,
): Promise<(start: number, bytes: ArrayBuffer) => void> {
  const { parquetHeader } = await import('hyparquet/src/column.js');
  const corrupt = () =>
    new DosqlError('CORRUPT_FILE', `${name} has a page that claims more than its footer says.`);

  /** Walks runs of `width` bits from `at`; what lies beyond the end is for the decoder to refuse. */
  const checkRuns = (page: Uint8Array, at: number, width: number, values: number): void => {
    for (let seen = 0; seen < values && at < page.length; ) {
      let header = 0;
      for (let shift = 0, byte = 128; byte & 128; shift += 7) {
        byte = page[at++] ?? 0;
        header |= (byte & 127) << shift;
      }
      const packed = header & 1;
      const count = packed ? (header >>> 1) * 8 : header >>> 1;
      if (count > values + PADDING || (!packed && seen + count > values + 7)) throw corrupt();
      at += packed ? (header >>> 1) * width : (width + 7) >> 3;
      seen += count;
    }
  };
  const bits = (level: number) => 32 - Math.clz32(level);
  const length = (page: Uint8Array, at: number) =>
    at + 4 <= page.length ? new DataView(page.buffer, page.byteOffset + at).getUint32(0, true) : 0;
  const checkValues = (page: Uint8Array, at: number, encoding: string, type: string, values: number) => {
    if (encoding === 'RLE' || (type === 'BOOLEAN' && encoding.endsWith('DICTIONARY')))
      checkRuns(page, at + 4, 1, values);
    else if (encoding.endsWith('_DICTIONARY')) checkRuns(page, at + 1, page[at] ?? 0, values);
  };

  return (start, bytes) => {
    const end = start + bytes.byteLength;
    const column = columns.find((one) => one.start <= start && end <= one.end);
    if (!column) return;
    const { codec, type, definition, repetition } = column;
    const open = (packed: Uint8Array, size: number) =>
      codec === 'UNCOMPRESSED' ? packed : (unpack[codec]?.(packed, size) ?? packed);
    const reader = { view: new DataView(bytes), offset: 0 };
    let values = 0;
    while (reader.offset < bytes.byteLength - 1) {
      const header = parquetHeader(reader);
      const { data_page_header: v1, data_page_header_v2: v2 } = header;
      const { compressed_page_size: packedSize, uncompressed_page_size: size } = header;
      const count = v1?.num_values ?? v2?.num_values ?? 0;
      values += count;
      const levels = v2 ? v2.repetition_levels_byte_length + v2.definition_levels_byte_length : 0;
      const words = header.dictionary_page_header?.num_values ?? 0;
      // Each comparison is false for what is missing, too: the decoder would go on at the same byte for ever.
      const sound =
        count >= 0 &&
        values <= column.values &&
        packedSize >= 0 &&
        size >= 0 &&
        size <= limit &&
        levels >= 0 &&
        levels <= Math.min(size, packedSize) &&
        words >= 0 &&
        words <= size;
      if (!sound || (v1 && v1.num_values !== count) || (v2 && !(v2.num_nulls >= 0 && v2.num_nulls <= count)))
        throw corrupt();
      const packed = new Uint8Array(
        bytes,
        reader.offset,
        Math.min(packedSize, bytes.byteLength - reader.offset),
      );
      reader.offset += packedSize;
      if (v1 && (definition || repetition || v1.encoding !== 'PLAIN')) {
        const page = open(packed, size);
        let at = 0;
        for (const level of [repetition, definition]) {
          if (!level) continue;
          checkRuns(page, at + 4, bits(level), count);
          at += 4 + length(page, at);
        }
        checkValues(page, at, v1.encoding, type, count);
      } else if (v2) {
        if (repetition) checkRuns(packed, 0, bits(repetition), count);
        if (definition) checkRuns(packed, v2.repetition_levels_byte_length, bits(definition), count);
        if (v2.encoding === 'RLE' || v2.encoding.endsWith('_DICTIONARY')) {
          const rest = packed.subarray(levels);
          checkValues(
            v2.is_compressed === false ? rest : open(rest, size - levels),
            0,
            v2.encoding,
            type,
            count,
          );
        }
      }
    }
  };
}
