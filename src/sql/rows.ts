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
  const first = i + 3;
  /** Per row: start, end, number of parameters. */
  const rows: number[] = [];
  let depth = 0;
  let counted = 0;
  for (i = first; i < t.length; i += 3) {
    const kind = t[i];
    if (depth === 0 && kind !== Token.LEFT_PAREN && kind !== Token.COMMA) break;
    if (kind === Token.LEFT_PAREN && depth++ === 0) rows.push(t[i + 1]!);
    else if (kind === Token.RIGHT_PAREN && --depth === 0) {
      rows.push(t[i + 2]!, counted);
      counted = 0;
    } else if (kind === Token.PARAMETER) counted++;
    else if (kind === Token.SELECT) return;
  }
  const next = t[i];
  if (
    depth ||
    rows.length < 6 ||
    (next && next !== Token.ON && next !== Token.RETURNING && next !== Token.SEMICOLON)
  )
    return;
  for (let j = 0; j < t.length; j += 3) {
    if (t[j] === Token.PARAMETER && t[j + 2]! - t[j + 1]! > 1) return;
    if (t[j] === Token.PARAMETER && j >= i) counted++;
  }
  const head = sql.slice(0, rows[0]);
  const tail = sql.slice(rows[rows.length - 2]);
  const tailValues = values.slice(values.length - counted);
  const room = bytes - byteLength(head + tail);

  const runs: Run[] = [];
  let text = '';
  for (let row = 0, value = 0; row < rows.length; ) {
    const from = rows[row]!;
    const fromValue = value;
    let to = from;
    for (let size = 0; row < rows.length; row += 3) {
      const end = rows[row + 1]!;
      size += byteLength(sql.slice(to, end));
      if (size > room || value - fromValue + rows[row + 2]! + counted > parameters) break;
      to = end;
      value += rows[row + 2]!;
    }
    if (to === from) return;
    const chunk = head + sql.slice(from, to) + tail;
    // Equal rows give one string: the runtime caches prepared statements by text.
    if (chunk !== text) text = chunk;
    runs.push({ sql: text, values: values.slice(fromValue, value).concat(tailValues) });
  }
  return runs;
}
