import { DosqlError } from '../errors/index.ts';

/** Says what is wrong with an argument, where plain JavaScript has no compiler to do so. @throws INVALID_ARGUMENT */
export function assertArgument(ok: unknown, message: string): asserts ok {
  if (!ok) throw new DosqlError('INVALID_ARGUMENT', message);
}

/** A list of names, or nothing. */
export function assertNames(value: unknown, what: string): void {
  const fits =
    value === undefined || (Array.isArray(value) && value.every((name) => typeof name === 'string'));
  assertArgument(fits, `${what} is a list of names.`);
}

/** Numbers of 0 and more, or nothing: limits, budgets, positions. */
export function assertNumbers(values: Readonly<Record<string, unknown>>): void {
  for (const [what, value] of Object.entries(values))
    assertArgument(
      value === undefined || (typeof value === 'number' && value >= 0),
      `${what} is a number of 0 or more, not ${typeof value === 'number' ? value : typeof value}.`,
    );
}

export function assertIntegers(mode: unknown): void {
  assertArgument(
    mode === undefined || ['throw', 'bigint', 'string', 'number'].includes(mode as string),
    "integers is 'throw', 'bigint', 'string' or 'number'.",
  );
}

/** The number of an entry. */
export function assertLsn(value: unknown): asserts value is number {
  assertArgument(
    Number.isSafeInteger(value) && (value as number) >= 0,
    `Not the number of a log entry: ${typeof value === 'symbol' ? 'a symbol' : value}.`,
  );
}
