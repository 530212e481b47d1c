import { DosqlError } from '../../errors/index.ts';
import { statementEnd } from '../../sql/split.ts';
import { Token } from '../../sql/token.ts';
import { tokenize } from '../../sql/tokenizer.ts';

/** One statement, record or line of a file. */
export interface Unit {
  readonly text: string;
  /** Bytes from the start of the file to behind this unit. */
  readonly end: number;
}

/** A unit is held in memory: twice what the largest row of the platform is as text. */
const MAX_UNIT = 16_000_000;

/** Where units end in a run of bytes, whatever the chunks are that it arrives in. */
interface Scanner {
  /** Index behind the next byte that may end a unit, looking from `at`; -1 when there is none yet. */
  next(bytes: Uint8Array, at: number, length: number): number;
  /** Whether `text` is a whole unit. */
  whole(text: string): boolean;
}

const CODES = {
  newline: 10,
  quote: 34,
  apostrophe: 39,
  star: 42,
  minus: 45,
  slash: 47,
  semicolon: 59,
  open: 91,
  close: 93,
  backtick: 96,
};

/** No byte: a block comment ends with two. */
const COMMENT = 256;

/** Lines: NDJSON. */
function lines(): Scanner {
  return {
    next: (bytes, at) => bytes.indexOf(CODES.newline, at) + 1 || -1,
    whole: () => true,
  };
}

/** Lines that may go on inside quotes: CSV. */
function records(): Scanner {
  let quoted = false;
  return {
    next(bytes, at, length) {
      for (let i = at; i < length; i++) {
        if (bytes[i] === CODES.quote) quoted = !quoted;
        else if (bytes[i] === CODES.newline && !quoted) return i + 1;
      }
      return -1;
    },
    whole: () => true,
  };
}

/** SQL: a semicolon outside of strings, names and comments, and outside of a trigger's body. */
function statements(): Scanner {
  /** The byte that ends what was opened; 0 outside. */
  let until = 0;
  let before = 0;
  return {
    next(bytes, at, length) {
      for (let i = at; i < length; i++) {
        const byte = bytes[i]!;
        if (until) {
          if (byte === until) until = 0;
          else if (until === COMMENT && byte === CODES.slash && before === CODES.star) until = 0;
          before = until ? byte : 0;
          continue;
        }
        if (byte === CODES.semicolon) {
          before = 0;
          return i + 1;
        }
        if (byte === CODES.quote || byte === CODES.apostrophe || byte === CODES.backtick) until = byte;
        else if (byte === CODES.open) until = CODES.close;
        else if (byte === CODES.minus && before === CODES.minus) until = CODES.newline;
        else if (byte === CODES.star && before === CODES.slash) until = COMMENT;
        before = until ? 0 : byte;
      }
      return -1;
    },
    whole(text) {
      // Of a row's text, which may hold these words a thousand times, one pass must do.
      const head = text.slice(0, text.indexOf(';'));
      const create = head.search(/\bcreate\b/i);
      if (create < 0 || !/\btrigger\b/i.test(head.slice(create))) return true;
      const tokens = tokenize(text);
      return tokens[statementEnd(tokens, 0)] === Token.SEMICOLON;
    },
  };
}

const SCANNERS = { sql: statements, csv: records, ndjson: lines };

/**
 * The units of a file that arrives as bytes from offset `start` on. What is left without an end is a unit as well when
 * the file ends there (`final`), else it is not given. @throws LIMIT_EXCEEDED, INVALID_ARGUMENT
 */
export async function* readUnits(
  body: AsyncIterable<Uint8Array>,
  format: keyof typeof SCANNERS,
  start: number,
  final: boolean,
): AsyncGenerator<Unit> {
  const scanner = SCANNERS[format]();
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw new DosqlError('INVALID_ARGUMENT', 'The file is not UTF-8 text.');
    }
  };
  let bytes = new Uint8Array(0);
  let length = 0;
  let offset = start;
  for await (const chunk of body) {
    if (bytes.length < length + chunk.length) {
      const grown = new Uint8Array(Math.max(2 * length, length + chunk.length));
      grown.set(bytes.subarray(0, length));
      bytes = grown;
    }
    bytes.set(chunk, length);
    let scanned = length;
    length += chunk.length;
    let from = 0;
    for (;;) {
      const end = scanner.next(bytes.subarray(0, length), scanned, length);
      if (end < 0) break;
      scanned = end;
      const text = decode(bytes.subarray(from, end));
      if (!scanner.whole(text)) continue;
      yield { text, end: offset + end - from };
      offset += end - from;
      from = end;
    }
    bytes.copyWithin(0, from, length);
    length -= from;
    if (length > MAX_UNIT)
      throw new DosqlError(
        'LIMIT_EXCEEDED',
        `A statement or row at byte ${offset} has more than ${MAX_UNIT} bytes.`,
        {
          limit: { name: 'bytes of one statement', value: MAX_UNIT, actual: length },
        },
      );
  }
  if (final && length > 0) yield { text: decode(bytes.subarray(0, length)), end: offset + length };
}
