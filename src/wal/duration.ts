import type { Duration } from '../engine/extension.ts';
import { assertArgument } from './argument.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/** Milliseconds of a duration. @throws INVALID_ARGUMENT */
export function durationMs(duration: Duration): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|[smhd])$/.exec(String(duration)) ?? [];
  const ms = typeof duration === 'number' ? duration : Number(number) * UNITS[unit ?? '']!;
  assertArgument(
    ms >= 0,
    `Not a duration: ${String(duration)}. Give milliseconds, or a number with ms, s, m, h or d.`,
  );
  return ms;
}
