import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { TABLES } from '../engine/pragmas.ts';

/** Rows of one table that lack their parent in another: table, parent, how many, their rowids (null WITHOUT ROWID). */
export type Violation = [table: string, parent: string, count: number, rowids: string | null];

/**
 * Rows without their parent, in the whole database. Table by table, because a key whose parent columns are not unique
 * cannot be checked, and must not hide the others.
 */
export function findViolations({ sql }: Engine): Violation[] {
  const check =
    'SELECT "table",parent,count(*),group_concat(rowid) FROM pragma_foreign_key_check(?) GROUP BY 1,2';
  return drain(sql.exec(`SELECT m.name FROM ${TABLES}`)).flatMap(([name]) => {
    try {
      return drain(sql.exec(check, name)) as Violation[];
    } catch {
      return [[name as string, 'columns that are not unique', 1, null] satisfies Violation];
    }
  });
}

/** Describes the violations that were not there before; '' when there are none. Counts, because a rebuild may change rowids. */
export function newViolations(before: readonly Violation[], after: readonly Violation[]): string {
  return after
    .map(([table, parent, count, rowids]) => {
      const known = before.find((row) => row[0] === table && row[1] === parent);
      const more = count - (known?.[2] ?? 0);
      const old = new Set(`${known?.[3]}`.split(','));
      const fresh = `${rowids}`.split(',').filter((id) => !old.has(id));
      return more > 0
        ? `${table} → ${parent}: ${more} row(s) without parent${rowids ? `, rowid ${fresh.slice(0, 5)}` : ''}`
        : '';
    })
    .filter(Boolean)
    .join('; ');
}
