import { DosqlError } from '../errors/index.ts';
import type { Cell } from '../relation/provider.ts';
import type { ColumnType, ReadOptions } from './options.ts';
import { distinctNames, type RowCounter, type Table, withAffinities } from './rows.ts';

/** Text decoded at once. */
const PIECE = 1 << 18;
const [LF, CR] = [10, 13];
const NOT_NUMBERS: ReadonlySet<ColumnType> = new Set(['TEXT', 'BLOB']);

/**
 * A CSV file: RFC 4180, with any delimiter and quote, and with any of the three line ends.
 * @throws CORRUPT_FILE with the line for text that is no UTF-8, an open quote, or a line with another number of fields
 */
export function readCsv(file: string, bytes: Uint8Array, options: ReadOptions, count: RowCounter): Table {
  const { header = true, all_varchar = false, columns } = options;
  let names: string[] | undefined;
  const rows: (string | null)[][] = [];
  const parser = new CsvParser(file, options, (fields, line) => {
    if (!names) {
      names = distinctNames(fields.map((field, i) => (header && field?.trim()) || `column${i}`));
      if (header) return;
    }
    // A blank line is a row only where a row may be one empty field.
    if (fields.length === 1 && names.length > 1 && !fields[0]) return;
    if (fields.length !== names.length)
      throw corrupt(file, `line ${line} has ${fields.length} fields instead of ${names.length}`);
    rows.push(fields);
    count(rows.length);
  });
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  try {
    for (let at = 0; at < bytes.length; at += PIECE)
      parser.push(utf8.decode(bytes.subarray(at, at + PIECE), { stream: true }));
    parser.push(utf8.decode());
  } catch (cause) {
    if (cause instanceof TypeError) throw corrupt(file, 'it is no UTF-8 text', cause);
    throw cause;
  }
  parser.end();
  // What is declared as text is not to be a number first: 1.10 would come back as 1.1.
  const texts = new Set(
    Object.entries(columns ?? {}).flatMap(([name, type]) =>
      NOT_NUMBERS.has(type) ? [name.toLowerCase()] : [],
    ),
  );
  if (!all_varchar)
    names?.forEach((name, c) => {
      if (!texts.has(name.toLowerCase())) convertNumbers(rows, c);
    });
  return withAffinities(names ?? [], rows);
}

/** Splits text that arrives in pieces into records. */
export class CsvParser {
  readonly #delim: number;
  readonly #quote: number;
  readonly #null: string;
  #line = 1;
  #start = 1;
  #fields: (string | null)[] = [];
  #text = '';
  /** Nothing of the field yet; in plain text; in quotes; behind a quote within quotes. */
  #state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';
  #wasQuoted = false;
  #cr = false;

  /** @throws INVALID_ARGUMENT */
  constructor(
    readonly file: string,
    { delim = ',', quote = '"', nullstr = '' }: ReadOptions,
    readonly emit: (fields: (string | null)[], line: number) => void,
  ) {
    if (delim.length !== 1 || quote.length > 1 || delim === quote || /[\r\n]/.test(delim + quote))
      throw new DosqlError(
        'INVALID_ARGUMENT',
        'CSV options: delim is one character, quote one other or none.',
      );
    this.#delim = delim.charCodeAt(0);
    this.#quote = quote === '' ? -1 : quote.charCodeAt(0);
    this.#null = nullstr;
  }

  push(text: string): void {
    const [delim, quote] = [this.#delim, this.#quote];
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (this.#cr) {
        this.#cr = false;
        if (code === LF && this.#state !== 'quoted') {
          from = i + 1;
          continue;
        }
      }
      if (code === LF || code === CR) this.#line++;
      if (this.#state === 'quoted') {
        if (code === LF && i > 0 && text.charCodeAt(i - 1) === CR) this.#line--;
        if (code !== quote) continue;
        this.#text += text.slice(from, i);
        this.#state = 'quote';
        from = i + 1;
      } else if (code === delim || code === LF || code === CR) {
        this.#text += text.slice(from, i);
        this.#field();
        from = i + 1;
        if (code !== delim) this.#record();
        this.#cr = code === CR;
      } else if (code === quote && this.#state !== 'plain') {
        // Two quotes within quotes are one.
        if (this.#state === 'quote') this.#text += text[i];
        this.#state = 'quoted';
        this.#wasQuoted = true;
        from = i + 1;
      } else if (this.#state === 'quote') {
        throw corrupt(this.file, `line ${this.#line} goes on behind a closing quote`);
      } else this.#state = 'plain';
    }
    this.#text += text.slice(from);
  }

  end(): void {
    if (this.#state === 'quoted')
      throw corrupt(this.file, `the quote opened in the record of line ${this.#start} is never closed`);
    if (this.#fields.length === 0 && this.#text === '' && !this.#wasQuoted) return;
    this.#field();
    this.#record();
  }

  #field(): void {
    const text = this.#text;
    this.#fields.push(!this.#wasQuoted && text === this.#null ? null : text);
    this.#text = '';
    this.#state = 'start';
    this.#wasQuoted = false;
  }

  #record(): void {
    const fields = this.#fields;
    this.#fields = [];
    this.emit(fields, this.#start);
    this.#start = this.#line;
  }
}

/** Text that is a number and nothing is lost by taking it as one: `007` and `+1` stay text. */
const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const REAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Numbers instead of texts in one column, when every value looks like one. */
function convertNumbers(rows: Cell[][], c: number): void {
  let integers = true;
  let rounded = false;
  for (const row of rows) {
    const text = row[c] as string | null;
    if (text === null) continue;
    if (!REAL.test(text)) return;
    const whole = INTEGER.test(text);
    integers &&= whole;
    // As a double it would be infinite, or another integer.
    rounded ||= !Number.isFinite(Number(text)) || (whole && !Number.isSafeInteger(Number(text)));
  }
  if (rounded && !integers) return;
  for (const row of rows) {
    const text = row[c] as string | null;
    if (text === null) continue;
    const value = Number(text);
    if (!integers || Number.isSafeInteger(value)) row[c] = value;
    // Beyond 64 bits it stays text, which SQLite compares and returns as it is.
    else if (BigInt.asIntN(64, BigInt(text)) === BigInt(text)) row[c] = BigInt(text);
  }
}

function corrupt(file: string, why: string, cause?: unknown): DosqlError {
  return new DosqlError('CORRUPT_FILE', `${file} cannot be read as CSV: ${why}.`, { cause });
}
