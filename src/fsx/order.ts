import type { Cell } from '../relation/provider.ts';

/** SQLite's order of values: NULL, numbers, text by UTF-8, BLOBs by byte. */
export function compareCells(a: Cell, b: Cell): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank) return rank;
  if (typeof a === 'string') return compareTexts(a, b as string);
  if (a instanceof Uint8Array) return compareBytes(a, b as Uint8Array);
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

const rankOf = (cell: Cell): number =>
  cell === null ? 0 : typeof cell === 'string' ? 2 : typeof cell === 'object' ? 3 : 1;

function compareTexts(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    if (a[i] !== b[i]) return unitRank(a.charCodeAt(i)) - unitRank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Surrogates stand for what comes behind U+FFFF. */
const unitRank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
