import type { BuildColumns } from 'drizzle-orm/column-builder';
import {
  type SQLiteColumn,
  type SQLiteColumnBuilderBase,
  SQLiteTable,
  type SQLiteTableWithColumns,
  sqliteTable,
  sqliteTableCreator,
} from 'drizzle-orm/sqlite-core';
import { Table } from 'drizzle-orm/table';
import { getTableColumns } from 'drizzle-orm/utils';
import { whenStarted } from '../drizzle/started.ts';
import { declareSource } from '../src/virtual/declared.ts';
import type { ColumnType, ReadOptions } from '../src/virtual/options.ts';

/** How the files are read, and what the table is called in the rows of joins; default: its first address. */
export type VirtualTableOptions<Name extends string = string> = Omit<ReadOptions, 'columns'> & {
  readonly name?: Name;
};

/** A virtual table as Drizzle sees it. */
export type VirtualTable<
  Name extends string,
  Columns extends Record<string, SQLiteColumnBuilderBase>,
> = SQLiteTableWithColumns<{
  name: Name;
  schema: undefined;
  columns: BuildColumns<Name, Columns, 'sqlite'>;
  dialect: 'sqlite';
}>;

/**
 * drizzle-kit creates every SQLiteTable that a schema exports. So it is none as long as nobody queries; later it is one,
 * because drizzle's joins know how to name no other.
 */
function External(): void {}
External.prototype = Object.create(Table.prototype, { constructor: { value: External } });

/**
 * Files elsewhere as a table of Drizzle: for `from`, joins, and relational queries; drizzle-kit ignores it. Rows are
 * decoded as in a select from a table of these columns; columns are called as in the files, whatever `casing` says. Times
 * in the files become what `mode: 'timestamp'` and `'timestamp_ms'` expect. The database needs
 * `virtualTables(…)` of '@dotdo/dosql/virtual', which says what may be read.
 * @param source one address or several: `https://…` or `r2://name/key`, globs in the latter
 * @throws INVALID_ARGUMENT for wrong options
 */
export function virtualTable<
  const Source extends string,
  Columns extends Record<string, SQLiteColumnBuilderBase>,
  const Name extends string = Source,
>(
  source: Source | readonly [Source, ...string[]],
  columns: Columns,
  options: VirtualTableOptions<Name> = {},
): VirtualTable<Name, Columns> {
  const { name = (typeof source === 'string' ? source : source[0]) as unknown as Name, ...read } = options;
  const types: Record<string, ColumnType> = {};
  for (const column of columnsOf(sqliteTable(name, columns))) types[column.name] = typeOf(column);
  // Tables of a schema that has a prefix are made like this: rows of joins still have the plain name.
  const table = sqliteTableCreator(() => declareSource(name, { ...read, url: source, columns: types }))(
    name,
    columns,
  );
  for (const column of columnsOf(table)) {
    // A file has its names from elsewhere.
    (column as { keyAsName: boolean }).keyAsName = false;
  }
  Object.setPrototypeOf(table, External.prototype);
  whenStarted(() => Object.setPrototypeOf(table, SQLiteTable.prototype));
  return table as VirtualTable<Name, Columns>;
}

const columnsOf = (table: SQLiteTable): SQLiteColumn[] => Object.values(getTableColumns(table));

/** What the column decodes. */
function typeOf(column: SQLiteColumn): ColumnType {
  if (column.columnType === 'SQLiteBoolean') return 'BOOLEAN';
  if (column.columnType === 'SQLiteTimestamp')
    return (column as SQLiteColumn & { mode: string }).mode === 'timestamp' ? 'EPOCH_S' : 'EPOCH_MS';
  const type = column.getSQLType().toUpperCase();
  if (/INT/.test(type)) return 'INTEGER';
  if (/CHAR|TEXT|CLOB/.test(type)) return 'TEXT';
  if (/REAL|FLOA|DOUB/.test(type)) return 'REAL';
  return type.includes('BLOB') ? 'BLOB' : 'NUMERIC';
}
