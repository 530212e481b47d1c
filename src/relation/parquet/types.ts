import type { DecodedArray, ParquetParsers, SchemaElement, SchemaTree } from 'hyparquet';
import { DosqlError } from '../../errors/index.ts';
import { hex } from '../../sql/literal.ts';
import type { Affinity, Cell, RelationColumn } from '../provider.ts';
import { renderer } from './nested.ts';
import { dateText, intervalText, timestampText, timeText } from './time.ts';

export interface TypeOptions {
  /** Timestamps as whole milliseconds since the epoch instead of text. */
  readonly epochMs?: boolean;
}

/** One top-level column of a file. */
export interface ParquetColumn extends RelationColumn {
  /** What its values compare as, where the statistics of the file can be trusted for that. */
  readonly ordered?: 'number' | 'text';
  /** A run of values as the library decodes them, in terms of SQLite. */
  cells(values: DecodedArray): ArrayLike<Cell>;
}

type Decode = (value: unknown) => Cell;
/** How one primitive column arrives. */
interface Leaf {
  readonly affinity: Affinity;
  readonly ordered?: 'number' | 'text';
  /** Absent: as the library gives it. */
  readonly decode?: Decode;
}

const text: Leaf = { affinity: 'TEXT' };
/** A byte order mark is a character of the text like any other. */
const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
/** Digits that a double holds exactly. */
const DOUBLE_DIGITS = 15;

/** Which values the library makes of annotated bytes: texts that sort as the values do. */
export function parsersFor({ epochMs }: TypeOptions): ParquetParsers {
  const timestamp = (perSecond: bigint) => (ticks: bigint) =>
    epochMs ? Number(BigInt.asIntN(64, floor(ticks * 1000n, perSecond))) : timestampText(ticks, perSecond);
  const bytes = (value: Uint8Array) => value;
  return {
    timestampFromMilliseconds: timestamp(1000n),
    timestampFromMicroseconds: timestamp(1_000_000n),
    timestampFromNanoseconds: timestamp(1_000_000_000n),
    dateFromDays: (days) => (days == null ? days : dateText(days)),
    stringFromBytes: (value) => value && utf8.decode(value),
    jsonFromBytes: (value) => value && utf8.decode(value),
    geometryFromBytes: bytes,
    geographyFromBytes: bytes,
    uuidFromBytes: (value) => value && uuidText(value),
  };
}

const floor = (a: bigint, b: bigint): bigint => a / b - (a % b < 0n ? 1n : 0n);

/**
 * The same for statistics, where undefined is no bound: a text cut within a character, and a time in a year that does
 * not sort as text.
 */
export function boundParsers(parsers: ParquetParsers): ParquetParsers {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const sorted = <T>(parse: (value: T) => unknown) => {
    return (value: T) => {
      const bound = parse(value);
      return typeof bound === 'string' && !/^\d{4}-/.test(bound) ? undefined : bound;
    };
  };
  return {
    ...parsers,
    timestampFromMilliseconds: sorted(parsers.timestampFromMilliseconds),
    timestampFromMicroseconds: sorted(parsers.timestampFromMicroseconds),
    timestampFromNanoseconds: sorted(parsers.timestampFromNanoseconds),
    dateFromDays: sorted(parsers.dateFromDays),
    stringFromBytes(value) {
      try {
        return strict.decode(value);
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * The columns of a schema. It also rewrites the schema: annotations that stand in one of two places are put where the
 * library looks, and those it would decode with losses are taken away, so that the values arrive as stored.
 */
export function columnsOf(file: string, tree: SchemaTree, options: TypeOptions): ParquetColumn[] {
  return tree.children.map((node) => {
    const { name } = node.element;
    if (node.children.length || node.element.repetition_type === 'REPEATED') {
      const render = renderer(node, (element) => leafOf(file, element, options).decode);
      const cells = (values: DecodedArray) => {
        const out = new Array<Cell>(values.length);
        for (let i = 0; i < out.length; i++)
          out[i] = values[i] == null ? null : JSON.stringify(render(values[i]));
        return out;
      };
      return { name, affinity: 'TEXT', cells };
    }
    const { decode, ...leaf } = leafOf(file, node.element, options);
    const cells = (values: DecodedArray): ArrayLike<Cell> => {
      if (values instanceof BigInt64Array && !decode) return integers(values);
      const out = new Array<Cell>(values.length);
      for (let i = 0; i < out.length; i++) {
        const value = values[i];
        if (value == null) out[i] = null;
        else if (decode) out[i] = decode(value);
        else out[i] = typeof value === 'bigint' ? integer(value) : value;
      }
      return out;
    };
    return { name, ...leaf, cells };
  });
}

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** A number where that is exact: numbers cost a fraction of what BigInts do on their way into SQLite. */
function integer(value: bigint): number | bigint {
  return value >= -SAFE && value <= SAFE ? Number(value) : value;
}

function integers(values: BigInt64Array): Cell[] {
  const out = new Array<Cell>(values.length);
  for (let i = 0; i < out.length; i++) out[i] = integer(values[i]!);
  return out;
}

function leafOf(file: string, element: SchemaElement, { epochMs }: TypeOptions): Leaf {
  const { type, logical_type: logical } = element;
  const kind = logical?.type;
  if (kind === 'DATE' || kind === 'JSON' || kind === 'DECIMAL') element.converted_type ??= kind;
  const converted = element.converted_type;
  const plain = () => {
    delete element.converted_type;
    delete element.logical_type;
  };
  if (converted === 'DECIMAL') {
    const scale = element.scale ?? (kind === 'DECIMAL' ? logical.scale : 0);
    const precision = element.precision ?? (kind === 'DECIMAL' ? logical.precision : 0);
    plain();
    if (precision > DOUBLE_DIGITS)
      return { affinity: 'TEXT', decode: (v) => decimalText(unscaled(v), scale) };
    // One division rounds once: multiplying by 10 ** -scale would round twice.
    return { affinity: 'REAL', decode: (v) => Number(unscaled(v)) / 10 ** scale };
  }
  if (converted === 'INTERVAL') {
    plain();
    return { affinity: 'TEXT', decode: (v) => intervalText(v as Uint8Array) };
  }
  if (converted === 'BSON' || kind === 'BSON') {
    plain();
    return { affinity: 'BLOB' };
  }
  if (converted === 'DATE') return { affinity: 'TEXT', ordered: 'text' };
  if (kind === 'TIMESTAMP' || converted === 'TIMESTAMP_MILLIS' || converted === 'TIMESTAMP_MICROS')
    return epochMs ? { affinity: 'INTEGER', ordered: 'number' } : { affinity: 'TEXT', ordered: 'text' };
  if (type === 'INT96') return { affinity: epochMs ? 'INTEGER' : 'TEXT' };
  if (kind === 'TIME' || converted === 'TIME_MILLIS' || converted === 'TIME_MICROS') {
    const unit = kind === 'TIME' ? logical.unit : converted === 'TIME_MILLIS' ? 'MILLIS' : 'MICROS';
    const perSecond = { MILLIS: 1000n, MICROS: 1_000_000n, NANOS: 1_000_000_000n }[unit];
    plain();
    return { affinity: 'TEXT', decode: (v) => timeText(BigInt(v as number | bigint), perSecond) };
  }
  if (kind === 'UUID' || converted === 'JSON') return text;
  if (kind === 'FLOAT16') return { affinity: 'REAL' };
  if (type === 'BOOLEAN') return { affinity: 'INTEGER', decode: Number };
  if (type === 'FLOAT' || type === 'DOUBLE') return { affinity: 'REAL', ordered: 'number' };
  if (type === 'INT32' || type === 'INT64') {
    const unsigned =
      converted === 'UINT_64' || (kind === 'INTEGER' && logical.bitWidth === 64 && !logical.isSigned);
    if (!unsigned) return { affinity: 'INTEGER', ordered: 'number' };
    return { affinity: 'INTEGER', ordered: 'number', decode: (v) => signed(file, element.name, v as bigint) };
  }
  if (converted === 'UTF8' || converted === 'ENUM' || kind === 'STRING' || kind === 'ENUM') {
    element.converted_type = 'UTF8';
    return { affinity: 'TEXT', ordered: 'text' };
  }
  return { affinity: 'BLOB' };
}

/** @throws INTEGER_OUT_OF_RANGE for what SQLite's integers cannot hold */
function signed(file: string, name: string, value: bigint): number | bigint {
  if (value < 2n ** 63n) return integer(BigInt(value));
  throw new DosqlError(
    'INTEGER_OUT_OF_RANGE',
    `Column ${name} of ${file} holds ${value}, beyond SQLite's 64-bit integers.`,
  );
}

/** The integer of a DECIMAL, from any of the four types that may carry it. */
function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  let whole = 0n;
  for (const byte of value) whole = (whole << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * value.length, whole);
}

function decimalText(value: bigint, scale: number): string {
  if (scale <= 0) return `${value}`;
  const digits = `${value < 0n ? -value : value}`.padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const uuidText = (bytes: Uint8Array): string =>
  hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
