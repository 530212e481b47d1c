import { DosqlError } from '../errors/index.ts';
import type { Cell } from '../relation/provider.ts';
import { parseExact } from '../sql/json.ts';
import { distinctNames, type RowCounter, type Table, withAffinities } from './rows.ts';

/**
 * A JSON document: an array of objects, or one object; `path` leads to it.
 * @throws CORRUPT_FILE when it is no JSON, or has nothing at the path
 */
export function readJson(
  file: string,
  bytes: Uint8Array,
  path: string | undefined,
  count: RowCounter,
): Table {
  const text = decode(file, bytes);
  let document: unknown;
  try {
    document = parseExact(text);
  } catch (cause) {
    // Objects in lines, under the name of a document: DuckDB reads them, too.
    if (path === undefined && /^\s*\{[^\n]*\}\s*\n\s*\{/.test(text)) return readLines(file, text, count);
    throw corrupt(file, 'JSON', 'it is no valid JSON', cause);
  }
  const found = path === undefined ? document : at(file, document, path);
  return tableOf(Array.isArray(found) ? found : [found], count);
}

/** One JSON value per line. @throws CORRUPT_FILE with the line */
export function readNdjson(file: string, bytes: Uint8Array, count: RowCounter): Table {
  return readLines(file, decode(file, bytes), count);
}

function readLines(file: string, text: string, count: RowCounter): Table {
  const records: unknown[] = [];
  let from = 0;
  for (let line = 1; from < text.length; line++) {
    const next = text.indexOf('\n', from);
    const end = next < 0 ? text.length : next;
    const one = text.slice(from, end);
    from = end + 1;
    if (one.trim() === '') continue;
    try {
      records.push(parseExact(one));
    } catch (cause) {
      throw corrupt(file, 'NDJSON', `line ${line} is no valid JSON`, cause);
    }
    count(records.length);
  }
  return tableOf(records, count);
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    throw corrupt(file, 'JSON', 'it is no UTF-8 text', cause);
  }
}

const STEP = /^(?:\.([A-Za-z_$][\w$-]*)|\[(\d+)\]|\["([^"]*)"\]|\."([^"]*)")/;

/** What a path like `$.data.items[0]` leads to. @throws INVALID_ARGUMENT, CORRUPT_FILE */
function at(file: string, document: unknown, path: string): unknown {
  let rest = path.startsWith('$') ? path.slice(1) : '?';
  let value = document;
  while (rest) {
    const step = STEP.exec(rest);
    if (!step)
      throw new DosqlError('INVALID_ARGUMENT', `${JSON.stringify(path)} is no path like '$.data.items'.`);
    const key = step[1] ?? step[2] ?? step[3] ?? step[4]!;
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined;
    rest = rest.slice(step[0].length);
  }
  if (value === undefined) throw corrupt(file, 'JSON', `it has nothing at ${path}`);
  return value;
}

/** Columns are the keys of all records, in the order in which they come. What is no object is a column `json`. */
function tableOf(records: readonly unknown[], count: RowCounter): Table {
  count(records.length);
  const positions = new Map<string, number>();
  const sparse = records.map((record) => {
    const row: Cell[] = [];
    const isRow = typeof record === 'object' && record !== null && !Array.isArray(record);
    const entries = isRow ? Object.entries(record) : [['json', record] as const];
    for (const [key, value] of entries) {
      let c = positions.get(key);
      if (c === undefined) {
        c = positions.size;
        positions.set(key, c);
      }
      row[c] = cell(value);
    }
    return row;
  });
  const width = positions.size;
  for (const row of sparse) for (let c = 0; c < width; c++) row[c] ??= null;
  return withAffinities(distinctNames([...positions.keys()]), sparse);
}

function cell(value: unknown): Cell {
  if (value === null || typeof value !== 'object') return value as Cell;
  try {
    return JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? JSON.rawJSON(`${part}`) : part));
  } catch (cause) {
    throw new DosqlError('LIMIT_EXCEEDED', 'A value of a JSON file is nested too deeply to be text again.', {
      cause,
    });
  }
}

function corrupt(file: string, format: string, why: string, cause?: unknown): DosqlError {
  return new DosqlError('CORRUPT_FILE', `${file} cannot be read as ${format}: ${why}.`, { cause });
}
