import { DosqlError } from '../errors/index.ts';

/** A run of digits that a double may not hold; it may also stand in a string, which only costs time. */
const MAY_ROUND = /\d{16}/;

/**
 * JSON as JSON.parse reads it, but for integers beyond ±(2^53-1), which it rounds: they become what `exact` makes of
 * their digits, by default BigInts where they have 64 bits.
 * @throws SyntaxError
 * @throws INTEGER_OUT_OF_RANGE for such a number where the runtime does not tell its digits
 */
export function parseExact(
  text: string,
  exact: (digits: string, rounded: number) => unknown = int64,
): unknown {
  if (!MAY_ROUND.test(text)) return JSON.parse(text);
  const reviver = (_key: string, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
    const digits = context?.source;
    if (digits === undefined)
      throw new DosqlError(
        'INTEGER_OUT_OF_RANGE',
        `This runtime rounds integers of JSON, here to ${value}. Node 22, Chrome 114, Firefox 135 and Safari 18.4 do not.`,
      );
    return /^-?\d+$/.test(digits) ? exact(digits, value) : value;
  };
  return JSON.parse(text, reviver as never);
}

function int64(digits: string, rounded: number): unknown {
  const integer = BigInt(digits);
  return BigInt.asIntN(64, integer) === integer ? integer : rounded;
}
