import type { ByteSource } from '../relation/parquet/bytes.ts';
import type { Budget } from './request.ts';

/** A whole file, unpacked. */
export interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType?: string | undefined;
}

/** A version of a file that was read before. */
export interface Known {
  readonly version: string;
  readonly size: number;
}

/** One file of a source. Every request is made with the limits and checks of where it lies. */
export interface ExternalFile {
  /** What messages show: no query, no credentials. Also the value of the column `filename`. */
  readonly name: string;
  /** What tells it from every other file. */
  readonly identity: string;
  /** The part that extension and partitions are read from. */
  readonly path: string;
  /** The whole file. @throws SOURCE_NOT_FOUND, SOURCE_FORBIDDEN, SOURCE_FAILED, LIMIT_EXCEEDED */
  content(budget: Budget): Promise<Content>;
  /**
   * Parts of the file, for formats that need no more. The version is new with every change of the file; the end of a
   * file that is `known` is not fetched again. @throws as above
   */
  open(budget: Budget, known?: Known): Promise<ByteSource & { readonly version?: string | undefined }>;
}
