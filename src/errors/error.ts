import type { DosqlErrorCode } from './codes.ts';

/** What an error knows besides its code and message. Parameters are never part of it. */
export interface ErrorDetails {
  /** The SQL text that failed. */
  statement?: string | undefined;
  /** The table SQLite named. */
  table?: string | undefined;
  /** The columns SQLite named. */
  columns?: readonly string[] | undefined;
  /** Name or expression of the violated constraint. */
  constraint?: string | undefined;
  /** The platform limit that was hit: its name, its value and, where known, what was asked for. */
  limit?: { name: string; value: number; actual?: number | undefined } | undefined;
  /** Offset of a syntax error in the statement, in bytes, where the runtime says it. */
  offset?: number | undefined;
  /** The migration that failed or drifted. */
  migration?: string | undefined;
  /** Oldest point that can still be read: its LSN, and its time in milliseconds since the epoch. */
  horizon?: { lsn: number; ts: number } | undefined;
  /** The error of the runtime. */
  cause?: unknown;
}

/** The one error class. `code` is stable; the message says what was wrong, where, and what to do. */
export class DosqlError extends Error {
  override readonly name = 'DosqlError';
  readonly code: DosqlErrorCode;
  declare readonly statement?: string;
  declare readonly table?: string;
  declare readonly columns?: readonly string[];
  declare readonly constraint?: string;
  declare readonly limit?: { name: string; value: number; actual?: number };
  declare readonly offset?: number;
  declare readonly migration?: string;
  declare readonly horizon?: { lsn: number; ts: number };

  constructor(code: DosqlErrorCode, message: string, details: ErrorDetails = {}) {
    const { cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    for (const [key, value] of Object.entries(rest)) {
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true });
    }
  }
}

/** True for a DosqlError (of any copy of the package, also one that crossed RPC), optionally of one code. */
export function isDosqlError(error: unknown, code?: DosqlErrorCode): error is DosqlError {
  const e = error as { name?: unknown; code?: unknown } | null | undefined;
  return e?.name === 'DosqlError' && (code === undefined || e.code === code);
}
