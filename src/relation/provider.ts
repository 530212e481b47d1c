/** One value of a foreign row. Booleans arrive as 0 and 1; a Uint8Array is a BLOB; a bigint is exact up to int64. */
export type Cell = null | number | bigint | string | boolean | Uint8Array;

/** SQLite's affinities; `''` leaves each value as it comes. */
export type Affinity = 'INTEGER' | 'REAL' | 'TEXT' | 'NUMERIC' | 'BLOB' | '';

export interface RelationColumn {
  readonly name: string;
  readonly affinity: Affinity;
  /** Collating sequence other than BINARY, as the column declares it. */
  readonly collate?: string;
}

/**
 * A condition that every row of the result meets, so that rows which do not may be left out by the provider. It may
 * also ignore it: SQLite applies the whole statement again to whatever arrives.
 */
export interface Predicate {
  /** Position in {@link RelationProvider.columns}. */
  readonly column: number;
  readonly op: '=' | '<' | '<=' | '>' | '>=' | 'in' | 'between' | 'not null';
  /** One value; two for `between`; any number for `in`; none for `not null`. Numbers or texts, never null. */
  readonly values: readonly (number | bigint | string)[];
}

/** What a statement needs of a relation. */
export interface Scan {
  /** Positions in {@link RelationProvider.columns}, ascending; may be empty (`count(*)`). */
  readonly columns: readonly number[];
  /** Conditions that hold together. */
  readonly predicates: readonly Predicate[];
  /** No more rows than this are needed. */
  readonly limit?: number;
}

/** What a scan read and what it could leave out; `explain` shows it. */
export interface ScanReport {
  /** What the statement calls it. */
  readonly relation: string;
  readonly filesRead: number;
  readonly filesSkipped: number;
  readonly rowGroupsRead: number;
  readonly rowGroupsSkipped: number;
  readonly bytesRead: number;
  /** What the user should know: rounding of doubles on an old runtime, say. */
  readonly warnings?: readonly string[];
}

/**
 * Rows from outside the object. A scan may deliver more rows than asked for, never fewer, and may be run again; it
 * keeps no state between runs that a failed one could leave wrong.
 */
export interface RelationProvider {
  /** Names and types, in order. May read (a file's footer); the answer holds for one statement. */
  columns(): Promise<readonly RelationColumn[]>;
  /** Rows in batches, each row with one cell per column of the scan, in its order. */
  scan(scan: Scan): AsyncIterable<readonly (readonly Cell[])[]>;
  /** What `scan` would read, found without reading rows. */
  inspect(scan: Scan): Promise<ScanReport>;
}
