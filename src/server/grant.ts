/** What a request may do. */
export interface Grant {
  /** May read. */
  readonly read: boolean;
  /** May write rows and, without `tables`, change the schema. */
  readonly write: boolean;
  /** The only tables and views it may name; every one when absent. */
  readonly tables?: readonly string[];
  /** Most rows that one result may have, where that is less than the handler's limit. */
  readonly rowCap?: number;
  /** Milliseconds since the epoch from which on it is void: a WebSocket outlives its token. */
  readonly expires?: number;
}

/** What one request may take. */
export interface Limits {
  /** Bytes of a request's body; default 1 MiB. */
  readonly body: number;
  /** Rows of one response; default 10,000. */
  readonly rows: number;
  /** Size of one response's values: bytes of BLOBs, characters of text, 8 for anything else; default 8 MiB. */
  readonly bytes: number;
  /** Values bound to one statement; default 100, which is what the platform takes. */
  readonly parameters: number;
  /** Statements of one batch or pipeline; default 100. */
  readonly statements: number;
  /** Milliseconds that a streamed response may take, whatever its reader does; default 30,000. */
  readonly ms: number;
}

export const LIMITS: Limits = {
  body: 1_048_576,
  rows: 10_000,
  bytes: 8_388_608,
  parameters: 100,
  statements: 100,
  ms: 30_000,
};

/** No limit of its own: everything, as `auth: 'none'` gives it. */
export const FULL: Grant = { read: true, write: true };
