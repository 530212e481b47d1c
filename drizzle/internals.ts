import type { Column, Param, Relation, SQL, TablesRelationalConfig } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Field, Selection } from './mapper.ts';
import type { Query } from './query.ts';
import type { Session } from './session.ts';

// What drizzle-orm 0.45's builders hold but its declarations hide, as far as it is read here.

export type OrderedFields = readonly Field[];

export interface SelectConfig {
  readonly withList?: readonly unknown[];
  readonly fields: Readonly<Record<string, unknown>>;
  readonly table: unknown;
  readonly distinct?: boolean;
  readonly joins?: readonly { joinType: string; table: unknown; on: unknown }[];
  readonly where?: SQL;
  readonly groupBy?: readonly unknown[];
  readonly having?: SQL;
  readonly orderBy?: readonly unknown[];
  readonly limit?: unknown;
  readonly offset?: unknown;
  readonly setOperators: readonly {
    readonly limit?: unknown;
    readonly offset?: unknown;
    readonly rightSelect: { readonly config: SelectConfig };
  }[];
}

export interface DeleteConfig {
  readonly withList?: readonly unknown[];
  readonly table: SQLiteTable;
  readonly where?: SQL;
  readonly orderBy?: readonly unknown[];
  readonly limit?: unknown;
  readonly returning?: OrderedFields;
}

export interface UpdateConfig extends DeleteConfig {
  set: Record<string, Param | SQL | Column>;
  readonly from?: unknown;
  readonly joins: readonly unknown[];
}

export interface InsertConfig {
  readonly table: SQLiteTable;
  values: readonly Record<string, Param | SQL>[];
  readonly onConflict?: readonly SQL[];
  readonly returning?: OrderedFields;
}

/** Every builder; `_prepare` is where drizzle turns it into a query of the session. */
export interface Builder<Config> {
  readonly session: Session;
  readonly config: Config;
  getSQL(): SQL;
  _prepare(oneTime?: boolean): Query;
  execute(placeholders?: Record<string, unknown>): Promise<unknown>;
}

export interface SelectBuilder extends Builder<SelectConfig> {
  readonly isPartialSelect: boolean;
  readonly joinsNotNullableMap: Record<string, boolean>;
  readonly usedTables: ReadonlySet<string>;
  readonly cacheConfig: { enable: boolean } | undefined;
}

export interface InsertBuilder extends Builder<InsertConfig> {
  rows: readonly Record<string, unknown>[];
}

/** Configuration of one level of a relational query. */
export interface RelationalConfig {
  readonly columns?: Readonly<Record<string, boolean | undefined>>;
  readonly with?: Readonly<Record<string, RelationalConfig | boolean | undefined>>;
  readonly extras?: Extras | ((columns: object, operators: object) => Extras);
  readonly where?: SQL | ((columns: object, operators: object) => SQL | undefined);
  readonly orderBy?: Order | ((columns: object, operators: object) => Order);
  readonly limit?: unknown;
  readonly offset?: unknown;
}

type Extras = Readonly<Record<string, SQL.Aliased>>;
type Order = unknown;

export type TableConfig = TablesRelationalConfig[string] & { relations: Record<string, Relation> };

export interface RelationalBuilder extends Builder<RelationalConfig> {
  readonly mode: 'many' | 'first';
  readonly schema: Record<string, TableConfig>;
  readonly tableNamesMap: Record<string, string>;
  readonly tableConfig: TableConfig;
  _toSQL(): { query: { selection: readonly Selection[] }; builtQuery: { sql: string; params: unknown[] } };
}

declare module 'drizzle-orm/utils' {
  /** Exported by 0.45, but left out of its declarations. */
  export function orderSelectedFields(fields: Readonly<Record<string, unknown>>): Field[];
}
