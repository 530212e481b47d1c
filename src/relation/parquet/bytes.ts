import { DosqlError } from '../../errors/index.ts';

/** The bytes of one file, which does not change while it is read. */
export interface ByteSource {
  /** What messages call it. */
  readonly name: string;
  readonly size: number;
  /** Exactly the bytes from `start` up to `end`. @throws DosqlError */
  read(start: number, end: number): Promise<ArrayBuffer>;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Ranges closer than this are one request: a request costs more time than the bytes between. */
const GAP = 32_768;
const RUN = 4 * 1024 * 1024;

/**
 * A file in the shape hyparquet reads. What was fetched ahead is handed out without a promise, so that nothing is
 * pending when the decoding of another column fails.
 */
export class FetchedBytes {
  readonly byteLength: number;
  bytesRead = 0;
  #fetched: (Range & { readonly bytes: ArrayBuffer })[] = [];

  constructor(
    readonly source: ByteSource,
    /** Looks at bytes before they are decoded. */
    readonly inspect: (start: number, bytes: ArrayBuffer) => void,
  ) {
    this.byteLength = source.size;
  }

  /** Forgets what was fetched before and fetches these ranges, neighbours together. */
  async fetch(ranges: readonly Range[]): Promise<void> {
    this.#fetched = [];
    const runs: { start: number; end: number }[] = [];
    for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
      const last = runs.at(-1);
      if (last && range.start <= last.end + GAP && range.end - last.start <= RUN)
        last.end = Math.max(last.end, range.end);
      else runs.push({ ...range });
    }
    for (const run of runs) this.#fetched.push({ ...run, bytes: await this.#read(run.start, run.end) });
  }

  slice(start: number, end = this.byteLength): ArrayBuffer | Promise<ArrayBuffer> {
    if (!(start >= 0 && start <= end && end <= this.byteLength))
      throw new DosqlError('CORRUPT_FILE', `${this.source.name} points to bytes that it has not.`);
    const ahead = this.#fetched.find((range) => range.start <= start && end <= range.end);
    if (ahead) {
      const bytes = ahead.bytes.slice(start - ahead.start, end - ahead.start);
      this.inspect(start, bytes);
      return bytes;
    }
    const pending = this.#read(start, end).then((bytes) => {
      this.inspect(start, bytes);
      return bytes;
    });
    // hyparquet may stop at another column's error without looking at this one.
    pending.catch(() => {});
    return pending;
  }

  async #read(start: number, end: number): Promise<ArrayBuffer> {
    const bytes = await this.source.read(start, end);
    this.bytesRead += bytes.byteLength;
    return bytes;
  }
}
