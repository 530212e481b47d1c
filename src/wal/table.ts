import { drain } from '../engine/cursor.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';

/** A column of a tracked table and where the log keeps its old values. */
export interface LoggedColumn {
  name: string;
  /** Column of the log. Its declared affinity is the user's column's, so that comparisons with the past mean the same. */
  slot: string;
  /** Rows logged before this LSN do not have the slot; they show `fill`. */
  since?: number;
  /** SQL expression over a log row. */
  fill?: string;
}

/** What the log knows about one table; kept as JSON in `_dosql_tab`. */
export interface TrackedTable {
  id: number;
  name: string;
  columns: LoggedColumn[];
  /** Primary key columns in order; empty when the table has none. */
  key: string[];
  /** Collations of the key, only for WITHOUT ROWID tables: a row is known by its key there, else by its rowid. */
  collations?: string[];
  /** The key is another name of the rowid. */
  integerKey?: boolean;
  /** A name for the rowid that is no column of the user's. */
  rowid: string;
  /** LSN at which capture began. */
  since: number;
  /** LSN at which the table was dropped. */
  dropped?: number;
  /** Name of the table that is to take this one's place; its differences are logged already. */
  heir?: string;
  /** LSNs of its schema changes, the oldest first. */
  versions: number[];
  /** Slots that old rows of the log still use, and since when no longer. */
  retired: [slot: string, lsn: number][];
  /** CREATE TABLE text as the log last saw it. */
  ddl: string;
}

/** A column as SQLite describes it. */
export interface DescribedColumn {
  name: string;
  /** Affinity: n numeric, t text, r real, c none. */
  kind: string;
  fallback: string | null;
}

export type Description = Pick<TrackedTable, 'key' | 'rowid' | 'collations' | 'integerKey'> & {
  columns: DescribedColumn[];
};

/** SQLite's rules for the affinity of a declared type. */
function affinity(type: string, strict: unknown): string {
  if (/INT/i.test(type)) return 'n';
  if (/CHAR|CLOB|TEXT/i.test(type)) return 't';
  if (type === '' || /BLOB/i.test(type) || (strict && /^ANY$/i.test(type))) return 'c';
  return /REAL|FLOA|DOUB/i.test(type) ? 'r' : 'n';
}

/** workerd: 100 columns in a table, five of which the log needs itself. */
export const MAX_SLOTS = 95;

/** What capture must know about a table. @throws UNSUPPORTED_STATEMENT, LIMIT_EXCEEDED for one that cannot be tracked */
export function describeTable(sql: SqlStorage, name: string): Description {
  const all = (text: string) => drain(sql.exec(text, name)) as (string | number | null)[][];
  const [[type, withoutRowid, strict] = []] = all('SELECT type,wr,strict FROM pragma_table_list(?)');
  const refuse = (why: string) =>
    new DosqlError('UNSUPPORTED_STATEMENT', `Table ${name} cannot be tracked by the change log: ${why}`, {
      table: name,
    });
  if (type !== 'table') throw refuse(type ? `it is a ${type} table.` : 'it does not exist.');
  const columns = all(
    'SELECT name,type,dflt_value,pk FROM pragma_table_xinfo(?) WHERE hidden<>1 ORDER BY cid',
  );
  if (columns.length > MAX_SLOTS - 1) {
    throw new DosqlError(
      'LIMIT_EXCEEDED',
      `Table ${name} has ${columns.length} columns; the change log tracks up to ${MAX_SLOTS - 1}. Exclude it.`,
      { table: name, limit: { name: 'tracked columns', value: MAX_SLOTS - 1, actual: columns.length } },
    );
  }
  const names = columns.map(([column]) => foldName(column as string));
  const rowid = ['rowid', '_rowid_', 'oid'].find((alias) => !names.includes(alias));
  if (!rowid && !withoutRowid) throw refuse('its columns hide the rowid.');
  if (names.some((column) => column.startsWith('_dosql_'))) throw refuse('it has a column named _dosql_….');
  const key = columns.filter((c) => c[3]).sort((a, b) => Number(a[3]) - Number(b[3]));
  const collations = all(
    "SELECT x.coll FROM pragma_index_list(?) l,pragma_index_xinfo(l.name) x WHERE l.origin='pk' AND x.key ORDER BY x.seqno",
  ).map(([collation]) => collation as string);
  return {
    columns: columns.map(([column, declared, fallback]) => ({
      name: column as string,
      kind: affinity(declared as string, strict),
      fallback: fallback as string | null,
    })),
    key: key.map(([column]) => column as string),
    rowid: rowid ?? '',
    ...(withoutRowid ? { collations } : key.length === 1 && !collations.length && { integerKey: true }),
  };
}

/** Non-partial indexes: how many entries every row of the table certainly has. */
export function countIndexes(sql: SqlStorage, name: string): number {
  const [[n]] = drain(
    sql.exec("SELECT count(*) FROM pragma_index_list(?) WHERE NOT partial AND origin<>'x'", name),
  ) as [[number]];
  return n;
}

/** The value a log row has for a column, as SQL with the affinity of the slot, which a CASE would not have. */
export function imageOf({ slot, since, fill }: LoggedColumn): string {
  return fill === undefined
    ? slot
    : `(SELECT ${fill} WHERE lsn<${since} UNION ALL SELECT ${slot} WHERE lsn>=${since})`;
}

/** All columns of a log row's image, under their names. */
export function imagesOf({ columns }: TrackedTable): string {
  return columns.map((c) => `${imageOf(c)} AS ${quoteIdentifier(c.name)}`).join();
}

/** SQL that is true where `b` and `other` have one key. Only for tables with collations. */
export function sameKey({ key, collations }: TrackedTable, other: string): string {
  return key
    .map((name, i) => {
      const column = quoteIdentifier(name);
      return `b.${column}=${other}.${column} COLLATE ${quoteIdentifier(collations![i]!)}`;
    })
    .join(' AND ');
}

/** Key columns with the key's own collations, which need not be theirs; each with `prefix` before it. */
export function keyColumns({ key, collations }: TrackedTable, prefix = ''): string {
  return key
    .map((name, i) => `${prefix}${quoteIdentifier(name)} COLLATE ${quoteIdentifier(collations![i]!)}`)
    .join();
}

/** `"a","b"`, each with `prefix` before it. */
export function columnList(names: readonly string[], prefix = ''): string {
  return names.map((name) => prefix + quoteIdentifier(name)).join();
}

/** What tells two rows of the table apart in the log: SQL for GROUP BY. */
export function identityOf(table: TrackedTable): string {
  return table.collations
    ? keySlots(table)
        .map((slot, i) => `${slot} COLLATE ${quoteIdentifier(table.collations![i]!)}`)
        .join()
    : // With the plus, the order of the key index is not worth reading the entries before the range.
      '+rid';
}

/** Slots of the key columns. */
export function keySlots({ key, columns }: TrackedTable): string[] {
  return key.map((name) => imageOf(columns.find((column) => column.name === name)!));
}
