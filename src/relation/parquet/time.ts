/** Days since 1970-01-01 as `YYYY-MM-DD`; years outside 0000–9999 have a sign and six digits, as in ISO 8601. */
export function dateText(days: number): string {
  // Days of the proleptic Gregorian calendar in eras of 400 years, which all have 146,097 days.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // Months count from March, so that the leap day comes last.
  const march = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * march + 2) / 5) + 1;
  const month = march < 10 ? march + 3 : march - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const pad = (value: number, width: number) => `${value}`.padStart(width, '0');
  const sign = year < 0 ? '-' : '+';
  const years = year >= 0 && year <= 9999 ? pad(year, 4) : sign + pad(Math.abs(year), 6);
  return `${years}-${pad(month, 2)}-${pad(day, 2)}`;
}

const INFINITY = 2n ** 63n - 1n;
const SAFE = 2n ** 53n;

/**
 * `YYYY-MM-DD HH:MM:SS.SSS`; six or nine digits behind the point where three would lose something. Texts sort as the
 * times do.
 */
export function timestampText(ticks: bigint, perSecond: bigint): string {
  // What DuckDB writes for its infinite timestamps.
  if (ticks === INFINITY || ticks === -INFINITY) return ticks < 0n ? '-infinity' : 'infinity';
  const perDay = 86_400n * perSecond;
  if (ticks > -SAFE && ticks < SAFE) {
    // Numbers are several times as fast as BigInts, and exact here.
    const [all, day] = [Number(ticks), Number(perDay)];
    const rest = ((all % day) + day) % day;
    return `${dateText((all - rest) / day)} ${clock(rest, Number(perSecond))}`;
  }
  let rest = ticks % perDay;
  if (rest < 0n) rest += perDay;
  return `${dateText(Number((ticks - rest) / perDay))} ${timeText(rest, perSecond)}`;
}

/** `HH:MM:SS.SSS` of ticks since midnight. */
export function timeText(ticks: bigint, perSecond: bigint): string {
  return clock(Number(ticks), Number(perSecond));
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);

/** The ticks of one day are exact numbers, nanoseconds included. */
function clock(ticks: number, perSecond: number): string {
  const part = ticks % perSecond;
  const seconds = (ticks - part) / perSecond;
  const digits = `${part}`.padStart(`${perSecond}`.length - 1, '0');
  // Whole groups of three zeros behind the first group say nothing.
  const fraction = digits.replace(/(?<=^\d{3,})(?:000)+$/, '');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${fraction}`;
}

/** ISO 8601 duration of Parquet's three little-endian counts: months, days, milliseconds. */
export function intervalText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [months, days, ms] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  return `P${months}M${days}DT${ms / 1000}S`;
}
