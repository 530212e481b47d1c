import { DosqlError } from '../errors/index.ts';
import type { Grant, Limits } from './grant.ts';

/** @throws LIMIT_EXCEEDED naming the limit */
export function within(name: string, value: number, actual: number, wayOut: string): void {
  if (actual <= value) return;
  throw new DosqlError(
    'LIMIT_EXCEEDED',
    `${actual} ${name} are more than this server takes: ${value}. ${wayOut}`,
    {
      limit: { name, value, actual },
    },
  );
}

/** What is left of one response's rows and bytes. */
export class Budget {
  #rows = 0;
  #bytes = 0;
  readonly #most: number;

  constructor(
    private readonly limits: Limits,
    { rowCap }: Grant,
  ) {
    this.#most = Math.min(limits.rows, rowCap ?? limits.rows);
  }

  /** @throws LIMIT_EXCEEDED at the first row too many */
  take(row: readonly unknown[]): void {
    within('rows', this.#most, ++this.#rows, 'Use LIMIT, and go on behind the last key.');
    for (const value of row)
      this.#bytes +=
        typeof value === 'string' ? value.length : value instanceof Uint8Array ? value.byteLength : 8;
    within('bytes', this.limits.bytes, this.#bytes, 'Select fewer columns or rows.');
  }
}
