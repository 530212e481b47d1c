import type { Compressors } from 'hyparquet';
import { DosqlError } from '../../errors/index.ts';

type Zlib = Record<
  'gunzipSync' | 'brotliDecompressSync' | 'zstdDecompressSync',
  ((input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array) | undefined
>;

/** workerd asks for a whole further chunk before it notices that there is no more output. */
const SLACK = 65_536;

let loaded: Zlib | undefined;

/** node:zlib, where the Worker has it (the flag nodejs_compat). A static import would keep other Workers from starting. */
async function zlib(): Promise<Zlib> {
  const specifier = 'node:zlib';
  // No promise is kept: one of a call outside of a transaction is held back until the transaction ends.
  loaded ??= await (import(/* @vite-ignore */ specifier) as Promise<Zlib>).catch(() => ({}) as Zlib);
  return loaded;
}

/**
 * The codecs of Parquet. No page may unpack to more than `limit` bytes, so that a small file cannot fill the isolate.
 * @throws SOURCE_UNSUPPORTED on use for LZO, and for GZIP, BROTLI and ZSTD in a Worker without node:zlib
 */
export async function compressors(name: string, limit: number): Promise<Compressors> {
  const [{ snappyUncompress }, node] = await Promise.all([import('hyparquet'), zlib()]);
  const bounded = (unpack: (input: Uint8Array, length: number) => Uint8Array) => {
    return (input: Uint8Array, length: number): Uint8Array => {
      if (length > limit || length < 0)
        throw new DosqlError(
          'LIMIT_EXCEEDED',
          `A page of ${name} unpacks to ${length} bytes, over the limit of ${limit}.`,
          { limit: { name: 'page bytes', value: limit, actual: length } },
        );
      return length ? unpack(input, length) : new Uint8Array();
    };
  };
  const native = (codec: string, method: keyof Zlib) =>
    bounded((input, length) => {
      const unpack = node[method];
      if (!unpack)
        throw new DosqlError(
          'SOURCE_UNSUPPORTED',
          `${name} is compressed with ${codec}, which needs node:zlib: add nodejs_compat to compatibility_flags.`,
        );
      return unpack(input, { maxOutputLength: length + SLACK });
    });
  return {
    SNAPPY: bounded((input, length) => {
      const output = new Uint8Array(length);
      snappyUncompress(input, output);
      return output;
    }),
    GZIP: native('GZIP', 'gunzipSync'),
    BROTLI: native('BROTLI', 'brotliDecompressSync'),
    ZSTD: native('ZSTD', 'zstdDecompressSync'),
    LZ4_RAW: bounded(lz4Block),
    LZ4: bounded(lz4Frames),
  };
}

/** The deprecated LZ4 of Parquet: Hadoop's frames, or one bare block, depending on who wrote it. */
function lz4Frames(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  const output = new Uint8Array(length);
  let [from, to] = [0, 0];
  while (from + 8 <= input.length) {
    const [size, packed] = [view.getUint32(from), view.getUint32(from + 4)];
    if (to + size > length || from + 8 + packed > input.length) return lz4Block(input, length);
    output.set(lz4Block(input.subarray(from + 8, from + 8 + packed), size), to);
    from += 8 + packed;
    to += size;
  }
  return to === length ? output : lz4Block(input, length);
}

/** One LZ4 block: runs of literals and of copies from what is already written. */
function lz4Block(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  let [from, to] = [0, 0];
  /** A length of 15 goes on in the bytes that follow, up to the first below 255. */
  const more = (nibble: number): number => {
    let size = nibble;
    if (nibble === 15) {
      let byte: number;
      do {
        byte = input[from++] ?? 0;
        size += byte;
      } while (byte === 255);
    }
    return size;
  };
  while (from < input.length) {
    const token = input[from++]!;
    const literals = more(token >> 4);
    // Beyond the end: RangeError, which is a corrupt file like any other.
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from >= input.length) break;
    const back = input[from]! | (input[from + 1]! << 8);
    from += 2;
    const end = to + more(token & 15) + 4;
    if (back === 0 || back > to || end > length) break;
    // Byte by byte: a copy may overlap what it writes.
    for (; to < end; to++) output[to] = output[to - back]!;
  }
  return output.subarray(0, to);
}
