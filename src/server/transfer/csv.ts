import { DosqlError } from '../../errors/index.ts';
import { type Affinity, blobLiteral, type Cell } from './cell.ts';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const INTEGER = /^[+-]?\d+$/;
const INFINITY = /^[+-]?Infinity$/;
const BLOB = /^x'((?:[\da-f]{2})*)'$/i;

/**
 * A field of RFC 4180. Text is always in quotes; without them stand nothing (NULL), numbers (a REAL has a dot, an
 * exponent or is Infinity) and BLOBs as `x'…'`.
 */
export function csvField(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'string') return `"${cell.replaceAll('"', '""')}"`;
  if (cell instanceof Uint8Array) return blobLiteral(cell);
  const text = Object.is(cell, -0) ? '-0' : `${cell}`;
  return typeof cell === 'number' && INTEGER.test(text) ? `${text}.0` : text;
}

/** A field of a record, and whether it stood in quotes. */
export interface CsvField {
  readonly text: string;
  readonly quoted: boolean;
}

/** The fields of one record. @throws INVALID_ARGUMENT */
export function csvFields(record: string): CsvField[] {
  const fields: CsvField[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more; ) {
    const found = field.exec(record);
    if (!found)
      throw new DosqlError('INVALID_ARGUMENT', 'A quote stands inside a field, or is never closed.');
    const quoted = found[1] !== undefined;
    fields.push({ text: quoted ? found[1]!.replaceAll('""', '"') : found[2]!, quoted });
    more = found[3] === ',';
  }
  return fields;
}

/**
 * The value of a field. In a column of text a number stays the text it is, so that files of other tools keep their
 * leading zeros; elsewhere it is read here, because SQLite 3.47 misreads the last bit of some.
 */
export function cellOfCsv({ text, quoted }: CsvField, affinity: Affinity): Cell {
  if (quoted) return text;
  if (text === '') return null;
  const bytes = BLOB.exec(text)?.[1];
  if (bytes !== undefined)
    return Uint8Array.from({ length: bytes.length / 2 }, (_, i) =>
      Number.parseInt(bytes.slice(2 * i, 2 * i + 2), 16),
    );
  if (affinity === 'text') return text;
  if (INTEGER.test(text)) {
    const integer = BigInt(text.replace('+', ''));
    if (BigInt.asIntN(64, integer) === integer) return integer;
  }
  return NUMBER.test(text) || INFINITY.test(text) ? Number(text) : text;
}
