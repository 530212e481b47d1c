import { Token } from './token.ts';
import type { Tokens } from './tokenizer.ts';
import type { ParameterToken } from './types.ts';

/**
 * Numbers the parameters among tokens `from` to `to` as SQLite does: `?` takes the largest number so far plus
 * one, `?N` is N, a name takes a new number where it first stands. Returns the largest number; `found` receives
 * each token.
 */
export function numberParameters(
  sql: string,
  tokens: Tokens,
  from: number,
  to: number,
  found?: ParameterToken[],
): number {
  let largest = 0;
  const names = new Map<string, number>();
  for (let i = from; i < to; i += 3) {
    if (tokens[i] !== Token.PARAMETER) continue;
    const start = tokens[i + 1]!;
    const end = tokens[i + 2]!;
    const name = sql.slice(start, end);
    const named = name[0] !== '?';
    const index = (named ? names.get(name) : Number(name.slice(1))) || largest + 1;
    if (named) names.set(name, index);
    if (index > largest) largest = index;
    found?.push(named ? { start, end, index, name } : { start, end, index });
  }
  return largest;
}
