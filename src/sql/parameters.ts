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
  let names: Map<string, number> | undefined;
  for (let i = from; i < to; i += 3) {
    if (tokens[i] !== Token.PARAMETER) continue;
    const start = tokens[i + 1]!;
    const end = tokens[i + 2]!;
    let index: number;
    let name: string | undefined;
    if (sql.charCodeAt(start) !== 63) {
      name = sql.slice(start, end);
      names ??= new Map();
      index = names.get(name) ?? largest + 1;
      names.set(name, index);
    } else index = end === start + 1 ? largest + 1 : Number(sql.slice(start + 1, end));
    if (index > largest) largest = index;
    found?.push(name === undefined ? { start, end, index } : { start, end, index, name });
  }
  return largest;
}
