import type { SqlValueInput } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import { base64 } from '../sql/base64.ts';

/** @throws INVALID_PARAMETER */
export function fromBase64(text: unknown): Uint8Array {
  try {
    if (typeof text === 'string') return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    // Told below.
  }
  throw new DosqlError('INVALID_PARAMETER', 'A BLOB is not base64.');
}

/** @throws INVALID_PARAMETER for anything but a 64-bit integer in decimal */
export function fromDecimal(text: unknown): bigint {
  const value = typeof text === 'string' && /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value)
    throw new DosqlError('INVALID_PARAMETER', 'An integer is not a decimal of 64 bits.');
  return value;
}

/**
 * A value of SQLite as JSON: text, null and numbers as they are; `{ $int: "9007199254740993" }` for an integer beyond
 * ±(2^53-1), `{ $blob: "base64" }`, and `{ $real: "Infinity" | "-Infinity" | "-0" }` for what JSON has no number for.
 */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return { $int: `${value}` };
  if (value instanceof Uint8Array) return { $blob: base64(value) };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { $real: value ? `${value}` : '-0' };
  return value;
}

/** The value that {@link toJson} made it of. @throws INVALID_PARAMETER, without the value */
export function fromJson(value: unknown): SqlValueInput {
  if (typeof value !== 'object' || value === null) return value as SqlValueInput;
  const [[tag, content] = [], more] = Object.entries(value);
  if (!more) {
    if (tag === '$int') return fromDecimal(content);
    if (tag === '$blob') return fromBase64(content);
    if (tag === '$real' && typeof content === 'string' && /^(-?Infinity|-0)$/.test(content))
      return Number(content);
  }
  throw new DosqlError(
    'INVALID_PARAMETER',
    'A value is null, text, a number, a boolean, { "$int": "…" }, { "$blob": "…" } or { "$real": "…" }.',
  );
}

/** Parameters from JSON: a list, or an object by name. */
export function paramsFromJson(
  params: unknown,
): readonly SqlValueInput[] | Record<string, SqlValueInput> | undefined {
  if (params === undefined || params === null) return undefined;
  if (Array.isArray(params)) return params.map(fromJson);
  if (typeof params !== 'object')
    throw new DosqlError('INVALID_PARAMETER', 'params is an array, or an object by name.');
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, fromJson(value)]));
}
