import type { IntegerMode } from '../engine/integers.ts';
import { encodeValue, type Params, type SqlValueInput, type Value } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import { base64 } from '../sql/base64.ts';

/** A parameter as JSON. @throws INVALID_PARAMETER */
function toWire(given: SqlValueInput, where: number | string): unknown {
  const value = encodeValue(given, where);
  if (typeof value === 'bigint') return { $int: `${value}` };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { $real: value ? `${value}` : '-0' };
  if (typeof value !== 'object' || value === null) return value;
  const bytes = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
  return { $blob: base64(bytes) };
}

/** Parameters as JSON. @throws INVALID_PARAMETER */
export function paramsToWire(params: Params | undefined): unknown {
  if (!params) return undefined;
  if (Array.isArray(params)) return params.map((value, i) => toWire(value, i + 1));
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, toWire(value, name)]));
}

/** A value from JSON. The change log's events write `$bytes` for BLOBs. @throws INTEGER_OUT_OF_RANGE */
export function fromWire(value: unknown, mode: IntegerMode, column: string): Value {
  if (typeof value !== 'object' || value === null) return value as Value;
  const { $int, $real, $blob, $bytes = $blob } = value as Record<string, string>;
  if ($bytes !== undefined) return Uint8Array.from(atob($bytes), (char) => char.charCodeAt(0));
  if ($real !== undefined) return Number($real);
  if (mode === 'bigint') return BigInt($int!);
  if (mode === 'string') return $int!;
  if (mode === 'number') return Number($int);
  throw new DosqlError(
    'INTEGER_OUT_OF_RANGE',
    `Column ${column} holds the integer ${$int}, which a JavaScript number cannot hold. Ask for { integers: 'bigint' } or 'string'.`,
    { columns: [column] },
  );
}
