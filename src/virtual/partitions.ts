import type { Cell, Predicate } from '../relation/provider.ts';

const NULL = '__HIVE_DEFAULT_PARTITION__';

/** The parts of a path like `year=2026`, in order. */
export function partitionsOf(path: string): Map<string, string | null> {
  const found = new Map<string, string | null>();
  for (const part of path.split('/').slice(0, -1)) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(part) ?? [];
    if (key !== undefined) found.set(decoded(key), value === NULL ? null : decoded(value!));
  }
  return found;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** False when a row with this value cannot meet the predicate. What cannot be told is true. */
export function mayHold(value: Cell, { op, values }: Predicate): boolean {
  // Every predicate refuses NULL.
  if (value === null) return false;
  if (typeof value === 'object') return true;
  if (op === 'not null' || values.some((other) => typeof other === 'string') !== (typeof value === 'string'))
    return true;
  if (op === 'in') return values.some((other) => compare(value, other) === 0);
  const first = compare(value, values[0]!);
  switch (op) {
    case '<':
      return first < 0;
    case '<=':
      return first <= 0;
    case '>':
      return first > 0;
    case '>=':
      return first >= 0;
    case 'between':
      return first >= 0 && compare(value, values[1]!) <= 0;
    default:
      return first === 0;
  }
}

/** As SQLite compares: numbers by value, texts by their bytes in UTF-8. What has no order, NaN, is equal. */
function compare(a: Exclude<Cell, null | Uint8Array>, b: string | number | bigint): number {
  if (typeof a !== 'string' || typeof b !== 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return byteOrder(left) - byteOrder(right);
  }
  return a.length - b.length;
}

/** Pairs of surrogates stand for characters beyond all others. */
const byteOrder = (code: number): number =>
  code < 0xd800 ? code : code < 0xe000 ? code + 0x2000 : code - 0x800;
