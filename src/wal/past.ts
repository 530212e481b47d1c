import { quoteIdentifier } from '../sql/identifier.ts';
import {
  columnList,
  identityOf,
  imageOf,
  imagesOf,
  keyColumns,
  keySlots,
  sameKey,
  type TrackedTable,
} from './table.ts';

/** How to read the log: its source as SQL, and whether entries can be found by rowid. */
export interface LogSource {
  readonly from: string;
  readonly keyIndex: boolean;
}

/**
 * The rows of a table right after LSN `at` (SQL, usually a parameter), as a sub-select in parentheses: the present rows
 * that have not changed since, and of each changed one the oldest image. `main.` keeps a user's CTE from taking the place
 * of a table. `only` restricts to the rows that changed in an LSN range `(a, b]`.
 */
export function rowsAt(log: LogSource, table: TrackedTable, at: string, only?: string, id?: string): string {
  const { columns, name, rowid, dropped, key, collations } = table;
  const names = columns.map((column) => column.name);
  const extra = id ? `${collations ? 'NULL' : rowid} AS ${id},` : '';
  const list = columnList(names);
  const base = `main.${quoteIdentifier(name)}`;
  if (log.keyIndex && !collations && !only && !dropped && !id) {
    // Both arms take a condition on the integer primary key into the index on (rid, t).
    const alias = columns.map(
      (c) => `${table.integerKey && c.name === key[0] ? 'rid' : imageOf(c)} AS ${quoteIdentifier(c.name)}`,
    );
    return `(SELECT ${list} FROM ${base} AS b WHERE NOT EXISTS(SELECT 1 FROM ${log.from} WHERE rid=b.${rowid} AND t=${table.id} AND lsn>${at}) UNION ALL SELECT ${alias} FROM ${log.from} AS u WHERE u.lsn>${at} AND +u.t=${table.id} AND u.op NOT IN(1,5) AND NOT EXISTS(SELECT 1 FROM ${log.from} AS p WHERE p.rid=u.rid AND p.t=${table.id} AND p.lsn>${at} AND p.lsn<u.lsn))`;
  }
  const identity = identityOf(table);
  const within = only ? ` AND ${changedIn(log, table, only)}` : '';
  const entries = `FROM ${log.from} WHERE lsn>${at} AND t=${table.id}${within} GROUP BY ${identity}`;
  const image = `op AS _dosql_o,rid AS _dosql_r,${imagesOf(table)}`;
  // A reader of small ranges would group all that came after each of them: without the images, which may be large.
  const changed = only
    ? `_dosql_k AS MATERIALIZED(SELECT min(lsn) ${entries}),_dosql_u AS MATERIALIZED(SELECT ${image} FROM ${log.from} WHERE lsn IN _dosql_k)`
    : `_dosql_u AS MATERIALIZED(SELECT min(lsn),${image} ${entries})`;
  const past = `SELECT ${id ? `_dosql_r AS ${id},` : ''}${list} FROM _dosql_u WHERE _dosql_o NOT IN(1,5)`;
  if (dropped) return `(WITH ${changed} ${past})`;
  let present: string;
  if (collations) {
    present = `NOT EXISTS(SELECT 1 FROM _dosql_u AS u WHERE ${sameKey(table, 'u')})`;
    if (only) present += ` AND ${keyIn(log, table, only)}`;
  } else {
    present = `${rowid} NOT IN(SELECT _dosql_r FROM _dosql_u)`;
    if (only) present += ` AND ${rowid} IN(SELECT rid FROM ${log.from} WHERE ${only} AND t=${table.id})`;
  }
  return `(WITH ${changed} SELECT ${extra}${list} FROM ${base} AS b WHERE ${present} UNION ALL ${past})`;
}

/** Entries of the rows that changed in a range. */
function changedIn(log: LogSource, table: TrackedTable, only: string): string {
  if (!table.collations) return `rid IN(SELECT rid FROM ${log.from} WHERE ${only} AND t=${table.id})`;
  return `(${identityOf(table)}) IN(SELECT ${keySlots(table)} FROM ${log.from} WHERE ${only} AND t=${table.id})`;
}

/** Present rows whose key changed in a range. */
function keyIn(log: LogSource, table: TrackedTable, only: string): string {
  return `(${keyColumns(table, 'b.')}) IN(SELECT ${keySlots(table)} FROM ${log.from} WHERE ${only} AND t=${table.id})`;
}
