import { type Column, Param, SQL } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { type Built, columnsOf, formAt, walkOf, written } from './builders.ts';
import type { InsertBuilder } from './internals.ts';

const INSERT = Symbol('insert');
const PARTS = ['table', 'rows', 'onConflict', 'returning'];

/** A column that an insert names, and what stands for it in a row without it. */
export interface InsertColumn {
  readonly key: string;
  readonly column: Column;
  /** undefined: the literal that drizzle writes (the SQL default, or NULL). */
  readonly missing: (() => unknown) | undefined;
}

const COLUMNS = new WeakMap<SQLiteTable, readonly InsertColumn[]>();

export function insertColumns(table: SQLiteTable): readonly InsertColumn[] {
  let columns = COLUMNS.get(table);
  if (!columns) {
    columns = Object.entries(columnsOf(table))
      .filter(
        ([, column]) => !(column as unknown as { shouldDisableInsert(): boolean }).shouldDisableInsert(),
      )
      .map(([key, column]) => ({
        key,
        column,
        missing: missingOf(column),
      }));
    COLUMNS.set(table, columns);
  }
  return columns;
}

function missingOf(column: Column): (() => unknown) | undefined {
  const {
    default: value,
    defaultFn,
    onUpdateFn,
  } = column as unknown as Record<string, (() => unknown) | undefined>;
  if (value !== null && value !== undefined)
    return (value as unknown) instanceof SQL ? undefined : () => value;
  return defaultFn ?? onUpdateFn;
}

/** A value as drizzle's builders hold it; undefined where the literal of the column stands. */
export type RowValue = Param | SQL | undefined;

/** The values of a row in column order. */
export function valuesOf(
  columns: readonly InsertColumn[],
  row: Readonly<Record<string, unknown>>,
): RowValue[] {
  const values: RowValue[] = new Array(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const { key, column, missing } = columns[i] as InsertColumn;
    let value = row[key];
    if (value === undefined) value = missing?.();
    values[i] = value === undefined || value instanceof SQL ? value : new Param(value, column);
  }
  return values;
}

export function statementOf(
  query: InsertBuilder,
  columns: readonly InsertColumn[],
  rows: readonly RowValue[][],
): SQL {
  const values = rows.map((row) => Object.fromEntries(columns.map(({ key }, i) => [key, row[i]])));
  // What is missing here has been asked for already and gave nothing: drizzle must not ask again.
  return query.session.options.dialect.buildInsertQuery({ ...query.config, values } as never);
}

/** The insert of rows that fit into one statement. */
export function buildInsert(
  query: InsertBuilder,
  columns: readonly InsertColumn[],
  rows: readonly RowValue[][],
  oneTime: boolean,
): Built {
  const { session, config } = query;
  const { table, onConflict, returning } = config;
  const walk = walkOf(session, INSERT, { table, rows, onConflict, returning }, PARTS, oneTime);
  return formAt(walk, () => written(session, config, statementOf(query, columns, rows)), query);
}
