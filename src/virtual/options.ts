/** One place of the network that statements may read. */
export interface HttpsOptions {
  /**
   * What may be read: `https://host[:port]/path`. A path that ends in `/` allows all below it, any other only itself and
   * what is below it. Redirects must stay within the list.
   */
  readonly allow: readonly string[];
  /** Headers for one URL: where credentials belong, never in SQL. Not sent on after a redirect to another origin. */
  readonly headers?: (url: URL) => HeadersInit | Promise<HeadersInit>;
  /** Fetches instead of the global `fetch`: a service binding (`env.API`), or a proxy. Its answers are checked alike. */
  readonly fetch?: Pick<Fetcher, 'fetch'> | typeof fetch;
}

/** A bucket, or the part of one whose keys begin with `prefix`. */
export type R2Option = R2Bucket | { readonly bucket: R2Bucket; readonly prefix: string };

/** How much one source may take. Each is per statement and source. */
export interface Limits {
  /** Bytes of text files (JSON, NDJSON, CSV), counted after decompression; default 16 MB. */
  readonly maxBytes: number;
  /** Rows of text files; default 250,000. */
  readonly maxRows: number;
  /** Files that a glob may match; default 100. */
  readonly maxFiles: number;
  /** Milliseconds that one request may take, its body included; default 10,000. */
  readonly timeoutMs: number;
  /** Milliseconds that the body of a text file is kept for other statements; default 0. */
  readonly cacheTtl: number;
}

export interface VirtualOptions extends Partial<Limits> {
  /** `FROM 'https://…'`; off without it. */
  readonly https?: HttpsOptions;
  /** `FROM 'r2://name/key'`, by name; off without it. */
  readonly r2?: Readonly<Record<string, R2Option>>;
}

export const DEFAULTS: Limits = {
  maxBytes: 16 * 1024 * 1024,
  maxRows: 250_000,
  maxFiles: 100,
  timeoutMs: 10_000,
  cacheTtl: 0,
};

/** How a column's values are to be taken; `epoch_ms` and `epoch_s` make integers of times. */
export type ColumnType =
  | 'INTEGER'
  | 'REAL'
  | 'TEXT'
  | 'NUMERIC'
  | 'BLOB'
  | 'BOOLEAN'
  | 'EPOCH_MS'
  | 'EPOCH_S';

export type Format = 'parquet' | 'json' | 'ndjson' | 'csv';

/** How a source is read: the options of DuckDB's functions, in their names. */
export interface ReadOptions {
  /** Default: by the file's extension, or by its content type. */
  readonly format?: Format;
  /** Names and types, in order. Default: what the files say. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
  /** JSON: where the rows are, `'$.data.items'`. */
  readonly path?: string;
  /** CSV: the first line has the names; default true. */
  readonly header?: boolean;
  /** CSV: one character between fields; default `','`. */
  readonly delim?: string;
  /** CSV: the character around fields, `''` for none; default `'"'`. */
  readonly quote?: string;
  /** CSV: an unquoted field of this text is NULL; default `''`. */
  readonly nullstr?: string;
  /** CSV: every column is TEXT. */
  readonly all_varchar?: boolean;
  /** Parts of the path like `year=2026` are columns; default: when every file has them. */
  readonly hive_partitioning?: boolean;
  /** Files may have different columns: by name, NULL where one is missing. */
  readonly union_by_name?: boolean;
  /** Adds a column `filename`. */
  readonly filename?: boolean;
  /** Parquet: timestamps as whole milliseconds since the epoch. */
  readonly epoch_ms?: boolean;
}

/** A source with how to read it: what `db.source(name, …)` takes. */
export interface SourceOptions extends ReadOptions {
  /** One address, or several: `https://…` or `r2://name/key`, globs in the latter. */
  readonly url: string | readonly string[];
}
