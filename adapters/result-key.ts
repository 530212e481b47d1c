import { Column } from 'drizzle-orm/column';
import { is } from 'drizzle-orm/entity';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { getTableName } from 'drizzle-orm/table';
import { orderSelectedFields } from 'drizzle-orm/utils';
import type { RelationalBuilder, SelectBuilder, SelectConfig } from '../drizzle/internals.ts';

/**
 * Which columns of a query's rows identify a row: the primary keys of every table it reads. Undefined where they are
 * not all selected, or rows stand for more than one row of a table: then nothing less than the whole row does.
 */
export function keyColumns(query: SelectBuilder | RelationalBuilder): readonly number[] | undefined {
  if ('tableConfig' in query) {
    const { selection } = query._toSQL().query;
    return places(
      query.tableConfig.primaryKey.map(({ name }) => name),
      selection.map(({ field, isJson }) => (!isJson && is(field, Column) ? field.name : undefined)),
    );
  }
  const { config } = query;
  const { distinct, groupBy, setOperators, joins = [] } = config;
  if (distinct || groupBy?.length || setOperators.length > 0) return undefined;
  const fields = selected(config);
  const found: number[] = [];
  for (const table of [config.table, ...joins.map((join) => join.table)]) {
    const key = is(table, SQLiteTable) && places(primaryKey(table), fields.map(nameIn(table)));
    if (!key) return undefined;
    found.push(...key);
  }
  return found;
}

function selected({ fields }: SelectConfig): unknown[] {
  return orderSelectedFields(fields).map(({ field }) => field);
}

function nameIn(table: SQLiteTable): (field: unknown) => string | undefined {
  const name = getTableName(table);
  return (field) => (is(field, Column) && getTableName(field.table) === name ? field.name : undefined);
}

/** Names of the key's columns; none for a table without one. */
function primaryKey(table: SQLiteTable): string[] {
  const { columns, primaryKeys } = getTableConfig(table);
  const key = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
  return key.map(({ name }) => name);
}

function places(key: readonly string[], names: readonly (string | undefined)[]): number[] | undefined {
  const at = key.map((name) => names.indexOf(name));
  return at.length > 0 && !at.includes(-1) ? at : undefined;
}
