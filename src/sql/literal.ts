/** A value that SQLite can hold, as it is bound. */
export type SqlValue = null | number | string | bigint | ArrayBuffer | ArrayBufferView;

const encoder = new TextEncoder();

/** Length in UTF-8, in bytes. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function blob(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += (byte < 16 ? '0' : '') + byte.toString(16);
  return `x'${hex}'`;
}

/**
 * `value` as a SQL expression that gives exactly what binding the value gives: a number is REAL, nothing has an
 * affinity. Fits wherever a parameter may stand, except that in ORDER BY and GROUP BY a bigint is a column number.
 */
export function sqlLiteral(value: SqlValue): string {
  if (value === null) return 'NULL';
  switch (typeof value) {
    case 'string':
      // NUL ends SQL text, CAST would add TEXT affinity, and a chain of char(0) meets the expression depth limit.
      if (value.includes('\0')) return `(${blob(encoder.encode(value))}||'')`;
      return `'${value.replaceAll("'", "''")}'`;
    case 'bigint':
      // The digits of -2^63 alone are no integer: SQLite reads the sign separately.
      if (value < -0x7fffffffffffffffn) return '(-9223372036854775807-1)';
      return value < 0n ? `(${value})` : `${value}`;
    case 'number':
      return value < 0 || Object.is(value, -0) ? `(-${real(-value)})` : real(value);
    default:
      return blob(
        value instanceof ArrayBuffer
          ? new Uint8Array(value)
          : new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
      );
  }
}

/**
 * SQLite 3.47 misreads the last bit of some decimal fractions, but never an integer of up to 18 digits, and its
 * arithmetic is IEEE's: fractions are quotients of integers, by a power of ten when that is exact, else of two.
 */
function real(value: number): string {
  if (value === Infinity) return '9e999';
  if (Number.isSafeInteger(value)) return `${value}.0`;
  const decimal = `${value}`;
  const point = decimal.indexOf('.') + 1;
  if (point && !decimal.includes('e')) {
    const power = 10 ** (decimal.length - point);
    const digits = Number(decimal.replace('.', ''));
    if (Number.isSafeInteger(digits) && power < 1e16 && digits / power === value)
      return `(${digits}.0/${power}.0)`;
  }
  let mantissa = value;
  let exponent = 0;
  for (; mantissa > Number.MAX_SAFE_INTEGER; exponent++) mantissa /= 2;
  for (; !Number.isInteger(mantissa); exponent--) mantissa *= 2;
  let text = `${mantissa}.0`;
  const sign = exponent < 0 ? '/' : '*';
  for (let rest = Math.abs(exponent), step: number; rest > 0; rest -= step) {
    step = Math.min(rest, 53);
    text += `${sign}${2 ** step}.0`;
  }
  return `(${text})`;
}

/** `value` as JSON that json_each turns into exactly the bound value; undefined when JSON has no such text. */
export function jsonLiteral(value: SqlValue): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'bigint':
      return `${value}`;
    case 'number':
      return Number.isSafeInteger(value) || Math.abs(value) === Infinity
        ? (value < 0 || Object.is(value, -0) ? '-' : '') + real(Math.abs(value))
        : undefined;
    default:
      return value === null ? 'null' : undefined;
  }
}
