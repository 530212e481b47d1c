import type { Duration } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import { durationMs } from '../wal/duration.ts';

/** How the rows of one table age. */
export interface TierPolicy {
  table: string;
  /** The column that says how old a row is. */
  by: string;
  /** Rows stay in the object this long; default: the backend's `hotThreshold`. */
  hot?: Duration;
  /** And up to this age a copy is kept in the warm store; default: the backend's `warmThreshold`. */
  warm?: Duration;
  /**
   * What the numbers of `by` count since the epoch. Dates in text need none: ISO-8601 in UTC, or SQLite's
   * `YYYY-MM-DD HH:MM:SS`. Default: milliseconds, and an error where the numbers can only be seconds.
   */
  unit?: 's' | 'ms';
  /** Rows per archived file, 1,000 to 200,000; default 50,000. */
  segmentRows?: number;
  /** `'json'`: a column whose values are of several classes is archived as tagged JSON; default: an error. */
  mixed?: 'json';
  /** Read every file back and compare it with the rows before they leave the object. Twice the work. */
  verify?: boolean;
}

/** A policy with everything decided. */
export interface Policy {
  readonly table: string;
  readonly by: string;
  readonly hotMs: number;
  readonly warmMs: number;
  readonly unit: 's' | 'ms' | undefined;
  readonly segmentRows: number;
  readonly mixed: boolean;
  readonly verify: boolean;
}

/** @throws INVALID_ARGUMENT */
export function policyOf(given: TierPolicy, hot: Duration | undefined, warm: Duration | undefined): Policy {
  const { table, by, unit, segmentRows = 50_000, mixed, verify = false } = given;
  const refuse = (what: string) =>
    new DosqlError('INVALID_ARGUMENT', `The tier policy of ${table ?? 'a table'}: ${what}`);
  if (typeof table !== 'string' || typeof by !== 'string')
    throw refuse('give the names of the table and of the column that says how old a row is (by).');
  const hotAge = given.hot ?? hot;
  if (hotAge === undefined) throw refuse('give hot, the age at which rows leave the object.');
  if (!(segmentRows >= 1000 && segmentRows <= 200_000))
    throw refuse(`segmentRows is ${segmentRows}; give 1,000 to 200,000.`);
  const hotMs = durationMs(hotAge);
  const warmMs = durationMs(given.warm ?? warm ?? hotMs);
  return {
    table,
    by,
    hotMs,
    warmMs,
    unit,
    segmentRows: Math.floor(segmentRows),
    mixed: mixed === 'json',
    verify,
  };
}

/** Numbers below this are no milliseconds of our days (they would be before March 1973), but seconds. */
const LEAST_MS = 1e11;

/**
 * SQL that is true for values of `column` before `time` (milliseconds since the epoch), an index on which serves it.
 * Neither NULL nor what is no date ever is.
 */
export function olderThan(column: string, text: boolean, unit: Policy['unit'], time: number): string {
  if (!text) {
    const value = unit === 's' ? Math.floor(time / 1000) : Math.floor(time);
    return `${column}<${value} AND typeof(${column}) IN('integer','real')`;
  }
  // SQLite's own format sorts before ISO's of the same second, as a blank sorts before T.
  const iso = new Date(time).toISOString();
  return `${column}<'${iso}' AND typeof(${column})='text' AND(substr(${column},11,1)='T' OR ${column}<'${iso.slice(0, 19).replace('T', ' ')}')`;
}

/** @throws INVALID_ARGUMENT when a number of `by` cannot count milliseconds and nobody said what it counts */
export function checkUnit({ table, by, unit }: Policy, value: unknown): void {
  if (unit || typeof value === 'string' || value === null) return;
  if (Math.abs(Number(value)) < LEAST_MS)
    throw new DosqlError(
      'INVALID_ARGUMENT',
      `${table}.${by} holds ${value}, which looks like seconds: give the policy unit: 's', or 'ms' if it does count milliseconds.`,
      { table, columns: [by] },
    );
}
