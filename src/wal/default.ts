import type { OwnTables } from '../engine/own-tables.ts';
import { defaultSql } from '../sql/default.ts';

const TYPES: Record<string, string> = { n: 'NUMERIC', t: 'TEXT', r: 'REAL' };

/**
 * A column's default as a literal, as a column of that affinity stores it. Evaluated once: of entries from before the
 * column, it must not tell another time, or another random value, whenever it is read.
 */
export function defaultOf(tables: OwnTables, kind: string, text: string): string {
  const type = TYPES[kind];
  const stored = type ? `iif(CAST(x AS ${type})=x,CAST(x AS ${type}),x)` : 'x';
  const [[literal]] = tables.all(
    `WITH d AS MATERIALIZED(SELECT (${defaultSql(text)}\n)AS x)SELECT quote(${stored})FROM d`,
  ) as [[string]];
  return literal;
}
