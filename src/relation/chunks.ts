import { DosqlError } from '../errors/index.ts';
import { hex, utf8 } from '../sql/literal.ts';
import { isShort, mantissaAndExponent } from './doubles.ts';
import type { Cell, RelationColumn } from './provider.ts';

/** One bound value may have 2 MB; chunks stay below, in bytes of UTF-8. */
const CHUNK_BYTES = 1_900_000;
/** Rows that are turned into text at once. */
const PIECE_ROWS = 512;

/** What cells of a column have been, so that its expression fits all of them. */
const INTEGER = 1;
const REAL = 2;
const TEXT = 4;
const BLOB = 8;
const PAIR = 16;

declare global {
  interface JSON {
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

/** The most that a relation may bring into one statement. */
export interface Caps {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** Collects rows as JSON texts, each an array of rows, each of them an array of cells. */
export class Chunks {
  rows = 0;
  bytes = 0;
  readonly #seen: number[];
  #done: string[] = [];
  #parts: string[] = [];
  #size = 0;

  /** @param exact the runtime reads every double from text as it was written */
  constructor(
    readonly columns: readonly RelationColumn[],
    readonly exact: boolean,
  ) {
    this.#seen = columns.map(() => 0);
  }

  /** Adds a batch. @throws LIMIT_EXCEEDED for a row that no value can hold */
  add(rows: readonly (readonly Cell[])[]): void {
    for (let at = 0; at < rows.length; at += PIECE_ROWS) this.#piece(rows.slice(at, at + PIECE_ROWS));
  }

  #piece(rows: readonly (readonly Cell[])[]): void {
    const seen = this.#seen;
    const text = JSON.stringify(
      rows.map((row) => {
        const cells: unknown[] = new Array(seen.length);
        for (let c = 0; c < cells.length; c++) cells[c] = this.#cell(row[c], c);
        return cells;
      }),
    ).slice(1, -1);
    this.#append(text, rows);
  }

  #append(text: string, rows: readonly (readonly Cell[])[]): void {
    const size = utf8(text).length + 1;
    if (size + 1 > CHUNK_BYTES) {
      if (rows.length === 1) {
        throw new DosqlError(
          'LIMIT_EXCEEDED',
          `A row has ${size} bytes as text; the limit is ${CHUNK_BYTES}.`,
          {
            limit: { name: 'row bytes', value: CHUNK_BYTES, actual: size },
          },
        );
      }
      const half = rows.length >> 1;
      this.#piece(rows.slice(0, half));
      this.#piece(rows.slice(half));
      return;
    }
    if (this.#size + size + 1 > CHUNK_BYTES) this.#close();
    this.#parts.push(text);
    this.#size += size;
    this.bytes += size;
    this.rows += rows.length;
  }

  #close(): void {
    if (this.#parts.length > 0) this.#done.push(`[${this.#parts.join(',')}]`);
    this.#parts = [];
    this.#size = 0;
  }

  /** The texts so far; collecting begins anew, what is known of the columns stays. */
  take(): string[] {
    this.#close();
    const done = this.#done;
    this.#done = [];
    this.bytes = this.rows = 0;
    return done;
  }

  #cell(value: Cell | undefined, c: number): unknown {
    switch (typeof value) {
      case 'string':
        this.#seen[c]! |= TEXT;
        // JSON would escape a lone surrogate, and SQLite make three bytes of it that are no text.
        return value.isWellFormed() ? value : value.toWellFormed();
      case 'number':
        return this.#number(value, c);
      case 'bigint':
        this.#seen[c]! |= INTEGER;
        return JSON.rawJSON(`${value}`);
      case 'boolean':
        this.#seen[c]! |= INTEGER;
        return value ? 1 : 0;
      default:
        if (!value) return null;
        if (JSON.isRawJSON(value)) {
          this.#seen[c]! |= REAL;
          return value;
        }
        this.#seen[c]! |= BLOB;
        return [hex(value)];
    }
  }

  #number(value: number, c: number): unknown {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.#seen[c]! |= INTEGER;
      return value;
    }
    if (Number.isNaN(value)) return null;
    if (!this.exact && Number.isFinite(value) && value !== 0 && !isShort(value)) {
      this.#seen[c]! |= PAIR;
      return mantissaAndExponent(value);
    }
    this.#seen[c]! |= REAL;
    if (!Number.isFinite(value)) return JSON.rawJSON(value < 0 ? '-9e999' : '9e999');
    // Without a point or an exponent it would be an integer.
    if (Number.isInteger(value))
      return JSON.rawJSON(Object.is(value, -0) ? '-0.0' : `${value}e0`.replace(/(e.*)e0/, '$1'));
    return value;
  }

  /** The expression for column `c` of the rows `r.value`. */
  expression(c: number): string {
    const seen = this.#seen[c]!;
    const { affinity, collate } = this.columns[c]!;
    let text = `r.value->>${c}`;
    if (seen & (BLOB | PAIR)) {
      const part = (n: number) => `r.value->>'$[${c}][${n}]'`;
      const number = `(${part(0)})*pow(2.0,${part(1)})`;
      const bytes = `unhex(${part(0)})`;
      const nested = !(seen & PAIR) ? bytes : seen & BLOB ? `coalesce(${number},${bytes})` : number;
      text =
        seen & ~BLOB ? `CASE json_type(r.value,'$[${c}]')WHEN'array'THEN ${nested} ELSE ${text} END` : nested;
    }
    const type = castFor(affinity, seen);
    const number = affinity === 'INTEGER' || affinity === 'NUMERIC' ? 'NUMERIC' : 'REAL';
    // Among other classes, what is a number or looks like one becomes what the column makes of it.
    if (!type && /^[INR]/.test(affinity))
      text = `(SELECT CASE typeof(v)WHEN'blob'THEN v WHEN'text'THEN iif(CAST(v AS NUMERIC)=v,CAST(v AS ${number}),v)ELSE CAST(v AS ${number})END FROM(SELECT ${text} v))`;
    if (type) text = `CAST(${text} AS ${type})`;
    // A sub-select has the affinity of its last term, and changes no value.
    else if (affinity !== '' && affinity !== 'BLOB')
      text = `(SELECT ${text} UNION ALL SELECT CAST(NULL AS ${affinity})WHERE 0)`;
    return collate ? `${text} COLLATE ${collate}` : text;
  }
}

/** The type whose CAST gives a column its affinity and changes no value that a table would store as it is. */
function castFor(affinity: RelationColumn['affinity'], seen: number): string {
  if (affinity === '' || affinity === 'BLOB' || seen & BLOB) return '';
  if (affinity === 'TEXT') return affinity;
  if (seen & TEXT) return '';
  return affinity === 'INTEGER' && seen & (REAL | PAIR) ? 'NUMERIC' : affinity;
}
