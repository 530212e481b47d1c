import { byteLength, type SqlValue } from './literal.ts';
import { Token } from './token.ts';
import type { Tokens } from './tokenizer.ts';

/** One statement to run in place of another, or of a part of it. */
export interface Run {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * Splits `INSERT ... VALUES (..), (..)` by rows into statements of at most `parameters` values and `bytes` of text;
 * the tail (ON CONFLICT, RETURNING) goes with each. Undefined when that could change the meaning (named or numbered
 * parameters, sub-selects among the rows, OR FAIL, which keeps the rows before an error) or one row is too large.
 */
export function splitRows(
  sql: string,
  t: Tokens,
  values: readonly SqlValue[],
  parameters: number,
  bytes: number,
): Run[] | undefined {
  let i = 0;
  for (; t[i] !== Token.VALUES; i += 3) {
    if (i >= t.length || t[i] === Token.SELECT || t[i] === Token.WITH) return;
    if (t[i] === Token.OR && /^fail$/i.test(sql.slice(t[i + 4], t[i + 5]))) return;
  }
  /** Per row: start, end, number of parameters up to its end. */
  const rows: number[] = [];
  let counted = 0;
  for (let depth = 0; ; ) {
    i += 3;
    const kind = t[i];
    if (kind === Token.LEFT_PAREN) {
      if (!depth++) rows.push(t[i + 1]!);
    } else if (kind === Token.RIGHT_PAREN && depth) {
      if (!--depth) rows.push(t[i + 2]!, counted);
    } else if (!depth && kind !== Token.COMMA) break;
    else if (kind === undefined || kind === Token.SELECT) return;
    else if (kind === Token.PARAMETER) counted++;
  }
  const next = t[i];
  if (rows.length < 6 || (next && ![Token.ON, Token.RETURNING, Token.SEMICOLON].includes(next))) return;
  for (i = 0; i < t.length; i += 3) if (t[i] === Token.PARAMETER && t[i + 2]! - t[i + 1]! > 1) return;
  const head = sql.slice(0, rows[0]);
  const tail = sql.slice(rows[rows.length - 2]);
  const tailValues = values.slice(counted);
  const room = bytes - byteLength(head + tail);

  const runs: Run[] = [];
  for (let row = 0, value = 0; row < rows.length; ) {
    const start = rows[row]!;
    let end = start;
    for (let size = 0; row < rows.length; row += 3) {
      size += byteLength(sql.slice(end, rows[row + 1]));
      if (size > room || rows[row + 2]! - value + tailValues.length > parameters) break;
      end = rows[row + 1]!;
    }
    if (end === start) return;
    const last = rows[row - 1]!;
    runs.push({
      sql: head + sql.slice(start, end) + tail,
      values: values.slice(value, last).concat(tailValues),
    });
    value = last;
  }
  return runs;
}
