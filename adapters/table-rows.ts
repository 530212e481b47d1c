import type { Column } from 'drizzle-orm/column';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { getTableName } from 'drizzle-orm/table';
import { getTableColumns } from 'drizzle-orm/utils';
import { compileFields, mapRows } from '../drizzle/mapper.ts';
import type { Session } from '../drizzle/session.ts';
import type { Row } from '../src/engine/values.ts';
import { DosqlError } from '../src/errors/index.ts';
import { foldName } from '../src/sql/identifier.ts';
import { columnNames } from './session.ts';

/** Decodes stored rows of one table, integers beyond ±(2^53-1) being bigints, as a select of all its columns does. */
export class TableRows {
  /** The table's name as it is declared. */
  readonly name: string;
  readonly #columns: readonly { key: string; name: string; column: Column }[];
  readonly #integers;

  constructor(table: SQLiteTable, session: Session) {
    this.name = getTableName(table);
    const nameOf = columnNames(session);
    this.#columns = Object.entries(getTableColumns(table)).map(([key, column]) => ({
      key,
      name: foldName(nameOf(column)),
      column,
    }));
    this.#integers = session.settings.integers;
  }

  /** @throws NO_SUCH_COLUMN when the database has a column less */
  decode(rows: readonly Row[]): Record<string, unknown>[] {
    const [first] = rows;
    if (!first) return [];
    const stored = storedNames(first);
    const names = this.#columns.map(({ name }) => stored.get(name) ?? this.#missing(name));
    return this.#map(
      this.#columns,
      rows.map((row) => names.map((name) => row[name])),
    );
  }

  /** A part of a row, such as its key; stored columns that the table does not declare stay away. */
  decodePart(row: Row): Record<string, unknown> {
    const stored = storedNames(row);
    const columns = this.#columns.filter(({ name }) => stored.has(name));
    // The key of a table without one is its rowid.
    if (columns.length === 0) return row;
    return this.#map(columns, [columns.map(({ name }) => row[stored.get(name)!])])[0]!;
  }

  /** What the table declaration calls these stored columns. */
  keysOf(names: readonly string[]): string[] {
    const folded = new Set(names.map(foldName));
    return this.#columns.filter(({ name }) => folded.has(name)).map(({ key }) => key);
  }

  #map(columns: readonly { key: string; column: Column }[], values: unknown[][]): Record<string, unknown>[] {
    const mapper = compileFields(
      columns.map(({ key, column }) => ({ path: [key], field: column })),
      undefined,
    );
    return mapRows(mapper, values, this.#integers, true) as Record<string, unknown>[];
  }

  #missing(name: string): never {
    throw new DosqlError(
      'NO_SUCH_COLUMN',
      `Table ${this.name} has no column ${name}; is a migration missing?`,
      {
        table: this.name,
        columns: [name],
      },
    );
  }
}

function storedNames(row: Row): Map<string, string> {
  return new Map(Object.keys(row).map((name) => [foldName(name), name]));
}
