import { hex, type SqlValue, sqlLiteral } from '../../sql/literal.ts';

/** A stored value with its class: bigint is INTEGER of any size, number is REAL. */
export type Cell = null | bigint | number | string | Uint8Array;

const SLICE = 4096;

/** `x'…'`, in slices: a text grown byte by byte takes 40 times its size. */
export function blobLiteral(bytes: Uint8Array): string {
  const slices: string[] = [];
  for (let i = 0; i < bytes.length; i += SLICE) slices.push(hex(bytes.subarray(i, i + SLICE)));
  return `x'${slices.join('')}'`;
}

/** The cell as a SQL expression that gives exactly its value and class. */
export function cellLiteral(cell: Cell): string {
  return cell instanceof Uint8Array ? blobLiteral(cell) : sqlLiteral(cell as SqlValue);
}

/** Affinity of a column, as far as it changes what is stored. */
export type Affinity = 'text' | 'real' | 'numeric' | 'none';

/** By the rules of https://sqlite.org/datatype3.html; ANY of a STRICT table converts nothing. */
export function affinityOf(type: string, strict: boolean): Affinity {
  if (/int/i.test(type)) return 'numeric';
  if (/char|clob|text/i.test(type)) return 'text';
  if (/blob/i.test(type) || type === '' || (strict && /^any$/i.test(type))) return 'none';
  return /real|floa|doub/i.test(type) ? 'real' : 'numeric';
}
