import { DosqlError } from '../../errors/index.ts';
import { base64 } from '../../sql/base64.ts';
import { fromBase64, fromDecimal } from '../json.ts';
import type { Affinity, Cell } from './cell.ts';

/**
 * A value in JSON: an INTEGER or a REAL with a fraction is a number, what JSON has no form for an object with one key,
 * `$int`, `$real` or `$blob`. A whole REAL needs its own form only where the column would not make it REAL again.
 */
export function jsonCell(cell: Cell, affinity: Affinity): unknown {
  if (typeof cell === 'bigint') {
    const number = Number(cell);
    return Number.isSafeInteger(number) ? number : { $int: `${cell}` };
  }
  if (cell instanceof Uint8Array) return { $blob: base64(cell) };
  if (typeof cell !== 'number') return cell;
  if (!Number.isFinite(cell) || Object.is(cell, -0)) return { $real: Object.is(cell, -0) ? '-0' : `${cell}` };
  return Number.isInteger(cell) && affinity !== 'real' ? { $real: `${cell}` } : cell;
}

/** @see jsonCell @throws INVALID_PARAMETER */
export function cellOfJson(value: unknown): Cell {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value !== 'object' || value === null) return value as null | string | bigint;
  const { $int, $blob, $real } = value as Record<string, unknown>;
  if (typeof $int === 'string') return fromDecimal($int);
  if (typeof $blob === 'string') return fromBase64($blob);
  if (typeof $real === 'string' && !Number.isNaN(Number($real))) return Number($real);
  throw new DosqlError(
    'INVALID_PARAMETER',
    'A value is null, a number, a string, {"$int":"…"}, {"$real":"…"} or {"$blob":"base64"}.',
  );
}
