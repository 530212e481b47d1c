import type { Row } from '../engine/values.ts';
import { base64 } from '../sql/base64.ts';
import type { CdcEvent } from './event.ts';

/** A value as JSON can hold it. What JSON has no form for is an object with one key: `$int`, `$real` or `$bytes`. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return { $int: `${value}` };
  if (value instanceof Uint8Array) return { $bytes: base64(value) };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { $real: Object.is(value, -0) ? '-0' : `${value}` };
  return value;
}

/** @see plainValue */
export function originalValue(value: unknown): unknown {
  const { $int, $bytes, $real } = (value ?? {}) as Record<string, string | undefined>;
  if ($int !== undefined) return BigInt($int);
  if ($bytes !== undefined) return Uint8Array.from(atob($bytes), (c) => c.charCodeAt(0));
  return $real === undefined ? value : Number($real);
}

/** An event that JSON.stringify loses nothing of. */
export function plainEvent(event: CdcEvent): Record<string, unknown> {
  return convert(event, plainValue, event.payload instanceof Uint8Array);
}

/** The event that {@link plainEvent} was made of: to be called with what JSON.parse gives. */
export function eventFrom(plain: unknown): CdcEvent {
  const { binary, ...event } = plain as CdcEvent & { binary?: true };
  return convert(event, originalValue, binary) as unknown as CdcEvent;
}

/** One event per line, each line ended: NDJSON. Equal events give equal text. */
export function toNdjson(events: readonly CdcEvent[]): string {
  return events.map((event) => `${JSON.stringify(plainEvent(event))}\n`).join('');
}

function convert(
  event: CdcEvent,
  value: (value: unknown) => unknown,
  binary: boolean | undefined,
): Record<string, unknown> {
  const out: Record<string, unknown> = { ...event };
  for (const part of ['key', 'before', 'after'] as const) {
    const row = event[part];
    if (row) out[part] = plainRow(row, value);
  }
  if (binary) {
    out['payload'] = value(event.payload);
    // Tells it from a payload of the user's that looks the same.
    if (value === plainValue) out['binary'] = true;
  }
  return out;
}

/** A row with each value converted. */
export function plainRow(row: Row, value: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, v]) => [name, value(v)]));
}

/** About how many bytes an event is as JSON; cheap. */
export function weigh({ before, after, payload }: CdcEvent): number {
  return 200 + weighRow(before) + weighRow(after) + (payload === undefined ? 0 : weighValue(payload));
}

/** What one of these events weighs on average; 0 for none. */
export function meanWeight(events: readonly CdcEvent[]): number {
  return events.reduce((sum, event) => sum + weigh(event), 0) / (events.length || 1);
}

function weighRow(row: Row | null): number {
  let size = 0;
  for (const name in row) size += weighValue(row[name]);
  return size;
}

function weighValue(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (value instanceof Uint8Array) return value.length * 1.4;
  return value && typeof value === 'object' ? JSON.stringify(value).length : 8;
}
