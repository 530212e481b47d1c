import { type Column, Param, Placeholder, SQL } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { type Built, effect, formAt, startWalk, written } from './builders.ts';
import { Bulk } from './bulk.ts';
import type { InsertBuilder } from './internals.ts';
import type { Query } from './query.ts';
import type { Walk } from './shapes.ts';
import { columnsOf, walkReturning } from './walks.ts';

const INSERT = Symbol('insert');
const ROW = Symbol('row');
const REPEAT = Symbol('repeat');
const MISSING = Symbol('missing');

/** workerd: at most 100 bound parameters in a statement. */
export const MAX_PARAMETERS = 100;

/** A column that an insert names, and what stands for it in a row without it. */
export interface InsertColumn {
  readonly key: string;
  readonly column: Column;
  /** undefined: the literal that drizzle writes (the SQL default, or NULL). */
  readonly missing: (() => unknown) | undefined;
  readonly hasSqlDefault: boolean;
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
        hasSqlDefault: column.default instanceof SQL,
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

/** The values of a row in column order; undefined where the literal of the column stands. */
export function valuesOf(
  columns: readonly InsertColumn[],
  row: Readonly<Record<string, unknown>>,
): unknown[] {
  const values = new Array(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const { key, missing } = columns[i] as InsertColumn;
    const value = row[key];
    values[i] = value === undefined && missing !== undefined ? missing() : value;
  }
  return values;
}

/** drizzle's own `values()` wraps every value at once; here that waits until a statement is built from it. */
export function insertSql(this: InsertBuilder): SQL {
  const columns = insertColumns(this.config.table);
  return statementOf(
    this,
    columns,
    this.rows.map((row) => valuesOf(columns, row)),
  );
}

function statementOf(
  query: InsertBuilder,
  columns: readonly InsertColumn[],
  rows: readonly unknown[][],
): SQL {
  const values = rows.map((row) => {
    const mapped: Record<string, Param | SQL> = {};
    for (let i = 0; i < columns.length; i++) {
      const { key, column } = columns[i] as InsertColumn;
      const value = row[i];
      if (value !== undefined) mapped[key] = value instanceof SQL ? value : new Param(value, column);
    }
    return mapped;
  });
  // What is missing here has been asked for already and gave nothing: drizzle must not ask again.
  return query.session.options.dialect.buildInsertQuery({ ...query.config, values } as never);
}

export function prepareInsert(this: InsertBuilder, oneTime = true): Query {
  const { session, config, rows } = this;
  const columns = insertColumns(config.table);
  if (rows.length * columns.length > MAX_PARAMETERS && Bulk.takes(this, columns)) {
    const bulk = new Bulk(this, columns);
    return effect(session, { form: bulk.form, params: [] }, config, 'insert');
  }
  return effect(
    session,
    buildInsert(
      this,
      columns,
      rows.map((row) => valuesOf(columns, row)),
      oneTime,
    ),
    config,
    'insert',
  );
}

/** The insert of rows that fit into one statement. */
export function buildInsert(
  query: InsertBuilder,
  columns: readonly InsertColumn[],
  rows: readonly unknown[][],
  oneTime: boolean,
): Built {
  let walk = startWalk(query.session, INSERT, oneTime);
  if (walk && !walkInsert(walk, query, columns, rows)) walk = undefined;
  return formAt(walk, () => written(query.session, query.config, statementOf(query, columns, rows)), query);
}

function walkInsert(
  walk: Walk,
  { config }: InsertBuilder,
  columns: readonly InsertColumn[],
  rows: readonly unknown[][],
): boolean {
  const first = rows[0] as unknown[];
  walk.table(config.table);
  if (!walkRow(walk, columns, first)) return false;
  if (rows.length > 1 && rows.every((row) => samePattern(row, first))) {
    walk.step(REPEAT);
    walk.step(rows.length);
    for (let r = 1; r < rows.length; r++)
      if (!encodeRow(columns, rows[r] as unknown[], walk.params)) return false;
  } else {
    for (let r = 1; r < rows.length; r++) {
      walk.step(ROW);
      if (!walkRow(walk, columns, rows[r] as unknown[])) return false;
    }
  }
  walk.step(ROW);
  for (const conflict of config.onConflict ?? []) if (!walk.sql(conflict)) return false;
  return walkReturning(walk, config.returning);
}

function walkRow(walk: Walk, columns: readonly InsertColumn[], row: readonly unknown[]): boolean {
  for (let i = 0; i < columns.length; i++) {
    const value = row[i];
    if (value === undefined) walk.step(MISSING);
    else if (value instanceof SQL) {
      if (!walk.sql(value)) return false;
      walk.step(ROW);
    } else if (!walk.param(value, (columns[i] as InsertColumn).column)) return false;
  }
  return true;
}

/** Rows of one pattern have their parameters in the same places, and nothing but parameters differs. */
export function samePattern(a: readonly unknown[], b: readonly unknown[]): boolean {
  for (let i = 0; i < a.length; i++) {
    if ((a[i] === undefined) !== (b[i] === undefined) || a[i] instanceof SQL || b[i] instanceof SQL)
      return false;
  }
  return true;
}

/** Appends the parameters of a row; false when one of them is not a plain value. */
export function encodeRow(
  columns: readonly InsertColumn[],
  row: readonly unknown[],
  params: unknown[],
): boolean {
  for (let i = 0; i < columns.length; i++) {
    const value = row[i];
    if (value === undefined) continue;
    if (value instanceof Placeholder) return false;
    const encoded = value === null ? null : (columns[i] as InsertColumn).column.mapToDriverValue(value);
    if (encoded instanceof SQL) return false;
    params.push(encoded);
  }
  return true;
}
