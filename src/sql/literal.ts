/** A value that SQLite can hold, as it is bound. */
export type SqlValue = null | number | string | bigint | ArrayBuffer | ArrayBufferView;

const encoder = new TextEncoder();

/** `text` in UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Length in UTF-8, in bytes. */
export function byteLength(text: string): number {
  return utf8(text).length;
}

/** Bytes in lower-case hex. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/**
 * `value` as a SQL expression that gives exactly what binding the value gives: a number is REAL, nothing has an
 * affinity. Fits wherever a parameter may stand, except that in ORDER BY and GROUP BY a bigint is a column number.
 */
export function sqlLiteral(value: SqlValue): string {
  switch (typeof value) {
    case 'string':
      // NUL ends SQL text, CAST would add TEXT affinity, and a chain of char(0) meets the expression depth limit.
      return value.includes('\0') ? `(x'${hex(utf8(value))}'||'')` : `'${value.replaceAll("'", "''")}'`;
    case 'bigint':
      // The digits of -2^63 alone are no integer: SQLite reads the sign separately.
      return value < 0n ? `(${value + 1n}-1)` : `${value}`;
    case 'number': {
      const text = real(value);
      return text[0] === '-' ? `(${text})` : text;
    }
    default: {
      if (value === null) return 'NULL';
      const bytes = ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value);
      return `x'${hex(bytes)}'`;
    }
  }
}

/**
 * SQLite 3.47 misreads the last bit of some decimal fractions, but never an integer of up to 18 digits, and its
 * arithmetic is IEEE's: fractions are quotients of integers, by a power of ten when that is exact, else of two.
 */
function real(value: number): string {
  if (value < 0 || Object.is(value, -0)) return `-${real(-value)}`;
  if (value === Infinity) return '9e999';
  if (Number.isSafeInteger(value)) return `${value}.0`;
  const [whole, fraction = ''] = `${value}`.split('.');
  const digits = Number(whole + fraction);
  const power = 10 ** fraction.length;
  if (Number.isSafeInteger(digits) && power < 1e16 && digits / power === value) {
    return `(${digits}.0/${power}.0)`;
  }
  let exponent = Math.ceil(Math.log2(value));
  while (value % 2 ** exponent) exponent--;
  let text = `${value / 2 ** exponent}.0`;
  for (let rest = Math.abs(exponent); rest > 0; rest -= 53) {
    text += `${exponent < 0 ? '/' : '*'}${2 ** Math.min(rest, 53)}.0`;
  }
  return `(${text})`;
}

/** `value` as JSON that json_each turns into exactly the bound value; undefined when JSON has no such text. */
export function jsonLiteral(value: SqlValue): string | undefined {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value && typeof value === 'object') return undefined;
  const text = typeof value === 'number' ? real(value) : `${value}`;
  return text.includes('(') ? undefined : text;
}
