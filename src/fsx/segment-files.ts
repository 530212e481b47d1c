import { DosqlError } from '../errors/index.ts';
import { type ByteSource, openParquet, type ParquetFile } from '../relation/parquet/parquet.ts';
import { BoundedCache } from '../sql/cache.ts';
import { isIntact, wholeBlocks } from './checksum.ts';
import type { Manifest, Segment } from './manifest.ts';
import type { ObjectStore } from './object-store.ts';

/** Opened files keep their footers parsed. */
const OPEN = 32;
/** What the platform's KV holds in one value. */
export const MAX_COPY = 25 * 1024 * 1024;

/** The files of active segments: their ends come from the manifest, the rest from the stores. */
export class SegmentFiles {
  /** Files and no promises: one that began outside of a transaction is held back until the transaction ends. */
  readonly #open = new BoundedCache<number, ParquetFile>(OPEN);

  constructor(
    readonly manifest: Manifest,
    readonly cold: ObjectStore,
    readonly warm: ObjectStore | undefined,
  ) {}

  /** The segment's file. Its immutable bytes may be kept for as long as anybody likes. @throws ARCHIVE_UNAVAILABLE on use */
  async open(segment: Segment): Promise<ParquetFile> {
    let file = this.#open.get(segment.id);
    if (!file) {
      file = await this.#parse(segment);
      this.#open.set(segment.id, file);
    }
    return file;
  }

  #parse(segment: Segment): Promise<ParquetFile> {
    const { tail, sums } = this.manifest.footer(segment.id);
    const source: ByteSource = {
      name: segment.key,
      size: segment.bytes,
      read: async (start, end) => {
        const stored = start < segment.tail;
        const bytes = stored
          ? await this.#read(segment, sums, start, Math.min(end, segment.tail))
          : tail.subarray(start - segment.tail, end - segment.tail);
        const rest = stored ? tail.subarray(0, Math.max(0, end - segment.tail)) : [];
        const whole = new Uint8Array(bytes.length + rest.length);
        whole.set(bytes);
        whole.set(rest, bytes.length);
        return whole.buffer;
      },
    };
    const length = new DataView(tail.buffer, tail.byteOffset + tail.length - 8).getUint32(0, true) + 8;
    return openParquet(source, { footer: tail.slice(tail.length - length).buffer as ArrayBuffer });
  }

  /** A range of the file, of bytes that are those that were written. @throws ARCHIVE_UNAVAILABLE */
  async #read(segment: Segment, sums: Uint8Array, start: number, end: number): Promise<Uint8Array> {
    const [from, to] = wholeBlocks(start, end, segment.tail);
    const copy = this.warm && segment.warmUntil > Date.now();
    // KV gives whole values: most of a file at once is where the copy is the shorter way.
    const first = copy && (to - from) * 2 > segment.bytes;
    let failure: unknown;
    for (const warm of copy ? [first, !first] : [false]) {
      const store = warm ? this.warm! : this.cold;
      try {
        const bytes = await store.getRange(segment.key, from, to - from);
        const complete = bytes?.length === to - from;
        if (complete && isIntact(bytes, from, sums)) return bytes.subarray(start - from, end - from);
        // A missing or damaged copy is no news; the original is.
        if (warm) continue;
        if (!bytes) failure = 'It is not there.';
        else failure = `Of its bytes ${from} to ${to}, some are ${complete ? 'damaged' : 'missing'}.`;
      } catch (error) {
        failure = error;
      }
    }
    throw new DosqlError(
      'ARCHIVE_UNAVAILABLE',
      `Archived rows cannot be read: ${segment.key}: ${failure instanceof Error ? failure.message : failure}. With tier: 'hot' the statement sees the rows in the object only.`,
      { cause: failure },
    );
  }
}
