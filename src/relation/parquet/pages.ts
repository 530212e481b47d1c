import { DosqlError } from '../../errors/index.ts';
import type { Group } from './parquet.ts';

/**
 * Checks the headers of pages before they are decoded: a run of a few bytes can stand for billions of values, which
 * would end the isolate instead of failing.
 * @throws CORRUPT_FILE when called with bytes of a column that claim more values than the file's footer allows it
 */
export async function guardPages(
  name: string,
  groups: readonly Group[],
  limit: number,
): Promise<(start: number, bytes: ArrayBuffer) => void> {
  const { parquetHeader } = await import('hyparquet/src/column.js');
  const chunks = groups.flatMap(({ ranges }) => ranges);
  return (start, bytes) => {
    const end = start + bytes.byteLength;
    const chunk = chunks.find((range) => range.start <= start && end <= range.end);
    if (!chunk) return;
    const reader = { view: new DataView(bytes), offset: 0 };
    let values = 0;
    while (reader.offset < bytes.byteLength - 1) {
      const header = parquetHeader(reader);
      const { data_page_header, data_page_header_v2 } = header;
      const page = data_page_header?.num_values ?? data_page_header_v2?.num_values ?? 0;
      values += page;
      const size = header.compressed_page_size;
      if (values > chunk.values || page < 0 || !(size >= 0) || header.uncompressed_page_size > limit)
        throw new DosqlError('CORRUPT_FILE', `${name} has a page that claims more than its footer says.`);
      reader.offset += size;
    }
  };
}
