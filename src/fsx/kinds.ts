import { DosqlError } from '../errors/index.ts';
import type { Cell } from '../relation/provider.ts';
import { quoteIdentifier } from '../sql/identifier.ts';
import { hex } from '../sql/literal.ts';
import type { TierColumn } from './table.ts';

/** How a column is stored in one file: INT64, DOUBLE, UTF-8, bytes, or JSON that names each value's class. */
export type Kind = 'i' | 'r' | 't' | 'b' | 'j';

const EMPTY: Record<string, Kind> = { INTEGER: 'i', NUMERIC: 'i', REAL: 'r', TEXT: 't' };
const [INTEGER, REAL, TEXT, BLOB, BIG] = [1, 2, 4, 8, 16];

/** SQL of an aggregate that tells which storage classes a column of `t` has: the bits above. */
export function classMask({ name }: TierColumn): string {
  const column = `t.${quoteIdentifier(name)}`;
  const has = (type: string) => `max(typeof(${column})='${type}')`;
  return `${has('integer')}+2*${has('real')}+4*${has('text')}+8*${has('blob')}+16*max(typeof(${column})='integer' AND ${column} NOT BETWEEN -9007199254740991 AND 9007199254740991)`;
}

/** @throws DATATYPE_MISMATCH for a column of several classes, unless `mixed` */
export function kindOf(table: string, { name, affinity }: TierColumn, mask: number, mixed: boolean): Kind {
  const big = mask & BIG;
  switch (mask & ~BIG) {
    case 0:
      return EMPTY[affinity] ?? 'b';
    case INTEGER:
      return 'i';
    case REAL:
      return 'r';
    case TEXT:
      return 't';
    case BLOB:
      return 'b';
    case INTEGER | REAL:
      // Such a column makes whole numbers integers again, as long as a double can hold them.
      if (!big && (affinity === 'INTEGER' || affinity === 'NUMERIC')) return 'r';
  }
  if (mixed) return 'j';
  throw new DosqlError(
    'DATATYPE_MISMATCH',
    `${table}.${name} holds values of several classes, which a file's column cannot: convert them, or give the policy mixed: 'json'.`,
    { table, columns: [name] },
  );
}

/** The row fits into columns of these kinds. */
export function fits(kinds: readonly Kind[], classes: string, cells: readonly Cell[]): boolean {
  return kinds.every((kind, i) => {
    const found = classes[i];
    if (found === 'n' || found === kind || kind === 'j') return true;
    return kind === 'r' && found === 'i' && typeof cells[i] === 'number';
  });
}

/** A value with its class, as JSON: `["i","5"]`, `["r","0.1"]`, `["t","text"]`, `["b","00ff"]`. */
export function tag(cell: Cell, type: string): string {
  const text = Object.is(cell, -0) ? '-0' : cell instanceof Uint8Array ? hex(cell) : `${cell}`;
  return JSON.stringify([type, text]);
}

/** @see tag */
export function untag(json: string): { cell: Cell; type: string } {
  const [type, text] = JSON.parse(json) as [string, string];
  if (type === 'i') {
    const number = Number(text);
    return { type, cell: Number.isSafeInteger(number) ? number : BigInt(text) };
  }
  if (type === 'r') return { type, cell: Number(text) };
  return {
    type,
    cell: type === 't' ? text : Uint8Array.from(text.match(/../g) ?? [], (byte) => Number(`0x${byte}`)),
  };
}
