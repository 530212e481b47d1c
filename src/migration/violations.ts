import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';

/** One row of `PRAGMA foreign_key_check`: table, rowid (null WITHOUT ROWID), parent table, number of the key. */
export type Violation = readonly unknown[];

/** Rows without their parent, in the whole database; undefined when a key's parent columns are not unique. */
export function findViolations({ sql }: Engine): Violation[] | undefined {
  try {
    return drain(sql.exec('PRAGMA foreign_key_check'));
  } catch {
    return undefined;
  }
}

/** Describes the violations that were not there before; '' when there are none. A rebuild may change rowids, so the rows of each pair of tables are counted. */
export function newViolations(before: readonly Violation[], after: readonly Violation[]): string {
  const left = new Map<string, number>();
  const pair = ([table, , parent]: Violation) => `${table} → ${parent}`;
  const count = (rows: readonly Violation[], by: number) => {
    for (const row of rows) left.set(pair(row), (left.get(pair(row)) ?? 0) + by);
  };
  count(before, 1);
  count(after, -1);
  const known = new Set(before.map(String));
  return [...left]
    .filter(([, n]) => n < 0)
    .map(([key, n]) => {
      const rows = after.filter((row) => pair(row) === key && (row[1] === null || !known.has(String(row))));
      return `${key}: ${-n} row(s) without parent, rowid ${rows.slice(0, 5).map((row) => row[1])}`;
    })
    .join('; ');
}
