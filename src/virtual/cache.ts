import type { ByteSource } from '../relation/parquet/bytes.ts';
import { BoundedCache } from '../sql/cache.ts';
import type { Content, ExternalFile, Known } from './file.ts';
import type { Limits } from './options.ts';
import { type Budget, tooLarge } from './request.ts';

const FOOTERS = 64;
/** A longer footer is read again rather than kept. */
const FOOTER_BYTES = 1024 * 1024;

/** What of files is kept between statements: footers by their file's version, and whole files for a time. */
export class FileCache {
  readonly #footers = new BoundedCache<string, Known & { readonly footer: ArrayBuffer }>(FOOTERS);
  readonly #contents = new Map<string, { readonly content: Content; readonly until: number }>();

  /** The end of a Parquet file, with what it cost. */
  async footer(file: ExternalFile, budget: Budget) {
    const known = this.#footers.get(file.identity);
    const source = await file.open(budget, known);
    if (known && known.version === source.version && known.size === source.size)
      return { source: source as ByteSource, footer: known.footer, bytesRead: 0 };
    const { readFooter } = await import('../relation/parquet/parquet.ts');
    const footer = await readFooter(source);
    const { version, size } = source;
    if (version && footer.byteLength <= FOOTER_BYTES)
      this.#footers.set(file.identity, { version, size, footer });
    return {
      source: source as ByteSource,
      footer,
      bytesRead: Math.max(footer.byteLength, Math.min(size, 65_536)),
    };
  }

  /** A whole file. Kept contents are bounded by `maxBytes` together; the oldest go first. */
  async content(file: ExternalFile, budget: Budget, { cacheTtl, maxBytes }: Limits): Promise<Content> {
    const contents = this.#contents;
    const kept = contents.get(file.identity);
    if (kept && kept.until > Date.now()) {
      budget.used += kept.content.bytes.length;
      if (budget.used > budget.limit) throw tooLarge(file.name, budget);
      return kept.content;
    }
    const content = await file.content(budget);
    if (cacheTtl > 0) {
      contents.delete(file.identity);
      contents.set(file.identity, { content, until: Date.now() + cacheTtl });
      let bytes = 0;
      for (const { content } of contents.values()) bytes += content.bytes.length;
      for (const [identity, { content }] of contents) {
        if (bytes <= maxBytes) break;
        bytes -= content.bytes.length;
        contents.delete(identity);
      }
    }
    return content;
  }
}
