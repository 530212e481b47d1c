import type { Engine } from '../engine/engine.ts';

const EXACT = new WeakMap<Engine, boolean>();

/** SQLite reads the text of every double as that double. Before 3.53 it misses the last bit of about one in twelve. */
export function readsExactly(engine: Engine): boolean {
  let exact = EXACT.get(engine);
  if (exact === undefined) {
    const sample = Array.from({ length: 256 }, (_, i) => Math.sin(i + 1) * 10 ** (2 * i - 256));
    const found = [...engine.sql.exec('SELECT value FROM json_each(?)', JSON.stringify(sample)).raw()] as [
      number,
    ][];
    exact = found.every(([value], i) => value === sample[i]);
    EXACT.set(engine, exact);
  }
  return exact;
}

/** Any SQLite reads up to 15 digits of middling size exactly. */
export function isShort(value: number): boolean {
  const size = Math.abs(value);
  return size < 1e15 && size > 1e-7 && Number(value.toPrecision(15)) === value;
}

/** `value` as an integer and the power of two to multiply it with, which is exact in every arithmetic. */
export function mantissaAndExponent(value: number): [mantissa: number, exponent: number] {
  let exponent = Math.max(Math.floor(Math.log2(Math.abs(value))) - 52, -1074);
  let mantissa = value / 2 ** exponent;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent--;
  }
  return [mantissa, exponent];
}
