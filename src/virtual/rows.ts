import type { Affinity, Cell, RelationColumn } from '../relation/provider.ts';

/** What a text file holds, with the columns as its values suggest them. */
export interface Table {
  readonly columns: readonly RelationColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

/** @throws LIMIT_EXCEEDED when a file has too many rows */
export type RowCounter = (rows: number) => void;

const INTEGER = 1;
const REAL = 2;
const TEXT = 4;
const BIG = 8;

/** Names and rows with the affinity that no value of a column is changed by. */
export function withAffinities(names: readonly string[], rows: readonly (readonly Cell[])[]): Table {
  const columns = names.map((name, c): RelationColumn => {
    let seen = 0;
    for (const row of rows) {
      const value = row[c];
      if (typeof value === 'string') seen |= TEXT;
      else if (typeof value === 'bigint') seen |= BIG;
      else if (typeof value === 'number') seen |= Number.isSafeInteger(value) ? INTEGER : REAL;
      else if (typeof value === 'boolean') seen |= INTEGER;
    }
    return { name, affinity: affinityOf(seen) };
  });
  return { columns, rows };
}

function affinityOf(seen: number): Affinity {
  if (seen === TEXT) return 'TEXT';
  if (seen && !(seen & ~(INTEGER | BIG))) return 'INTEGER';
  return seen && !(seen & ~(INTEGER | REAL)) ? 'REAL' : '';
}

/** SQLite's names have no case: of two that differ in nothing else, the second gets a number. */
export function distinctNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 1; seen.has(unique.toLowerCase()); n++) unique = `${name}_${n}`;
    seen.add(unique.toLowerCase());
    return unique;
  });
}
