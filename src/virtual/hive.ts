import type { Cell, Predicate } from '../relation/provider.ts';
import { utf8 } from '../sql/literal.ts';

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
  if (op === 'not null' || values.some((other) => typeof other === 'string') !== (typeof value === 'string'))
    return true;
  const order = values.map((other) => compare(value as string | number | bigint, other));
  const [first = 0, second = 0] = order;
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
      return first >= 0 && second <= 0;
    default:
      return order.includes(0);
  }
}

/** As SQLite compares: numbers by value, texts by their bytes in UTF-8. */
function compare(a: string | number | bigint, b: string | number | bigint): number {
  if (typeof a !== 'string' || typeof b !== 'string') return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [utf8(a), utf8(b)];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return left.length - right.length;
}
