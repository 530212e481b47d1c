import type { OwnTables } from '../engine/own-tables.ts';
import { unquoteIdentifier } from '../sql/identifier.ts';
import { sqlLiteral } from '../sql/literal.ts';
import { isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';

const TYPES: Record<string, string> = { n: 'NUMERIC', t: 'TEXT', r: 'REAL' };

/**
 * A column's default as a literal, as a column of that affinity stores it. Evaluated once: of entries from before the
 * column, it must not tell another time, or another random value, whenever it is read.
 */
export function defaultOf(tables: OwnTables, kind: string, text: string): string {
  const t = tokenize(text);
  // A name is a string in the place of a default.
  const name = t.length === 3 && isName(t[0]!) && !/^(true|false|null|current_\w+)$/i.test(text);
  const value = name && t[0] !== Token.STRING ? sqlLiteral(unquoteIdentifier(text)) : text;
  const type = TYPES[kind];
  const stored = type ? `iif(CAST(x AS ${type})=x,CAST(x AS ${type}),x)` : 'x';
  const [[literal]] = tables.all(
    `WITH d AS MATERIALIZED(SELECT (${value}\n)AS x)SELECT quote(${stored})FROM d`,
  ) as [[string]];
  return literal;
}
