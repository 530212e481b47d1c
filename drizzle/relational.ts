import {
  aliasedTableColumn,
  type Column,
  getOperators,
  getOrderByOperators,
  getTableUniqueName,
  is,
  One,
  sql,
} from 'drizzle-orm';
import { RelationalQueryBuilder } from 'drizzle-orm/sqlite-core/query-builders/query';
import { adopt, type Built, formAt } from './builders.ts';
import type { RelationalBuilder, RelationalConfig, TableConfig } from './internals.ts';
import { compileSelection } from './mapper.ts';
import type { Query } from './query.ts';
import type { Walk } from './shapes.ts';

const RELATIONAL = Symbol('relational');
const EVERYTHING = Symbol('everything');
const WITH = Symbol('with');
const END = Symbol('end');
const SELECTED = ['columns', 'extras'];
const CLAUSES = ['where', 'orderBy', 'limit', 'offset'];

/** `db.query.users`: the relational queries of one table. */
// biome-ignore lint/suspicious/noExplicitAny: the parameters describe results, which callers see through drizzle's own declarations
export class RelationalQueries extends RelationalQueryBuilder<any, any, any, any> {
  override findMany(config?: never): never {
    return adopt(super.findMany(config), prepareRelational) as never;
  }

  override findFirst(config?: never): never {
    return adopt(super.findFirst(config), prepareRelational) as never;
  }
}

function prepareRelational(this: RelationalBuilder): Query {
  const { session, config, tableConfig, mode } = this;
  // drizzle has no cache for relational queries, and one `_prepare` for those that run once and those that are kept.
  let walk: Walk | undefined = session.options.shapes.walk(RELATIONAL);
  walk.step(tableConfig);
  if (!walkLevel(walk, this, config, tableConfig, tableConfig.tsName)) walk = undefined;
  const { form, params } = formAt(walk, build, this);
  const query = session.query(form, params, mode === 'first' ? 'get' : 'all');
  // What drizzle declares: a prepared one gives the same by every name.
  return Object.assign(query, mode === 'first' ? { all: query.get } : { get: query.all });
}

function build(query: RelationalBuilder): Built {
  const { query: tree, builtQuery } = query._toSQL();
  const { schema, tableConfig } = query;
  const mapper = compileSelection(tree.selection, schema, tableConfig.tsName);
  return { form: { sql: builtQuery.sql, mapper }, params: builtQuery.params };
}

const operators = getOperators();
const orderOperators = getOrderByOperators();

/** Walks one table of the query in the order of its SQL: selection, relations inside it, then its clauses. */
function walkLevel(
  walk: Walk,
  query: RelationalBuilder,
  config: RelationalConfig,
  table: TableConfig,
  alias: string,
): boolean {
  const { columns, with: relations, extras, where, orderBy } = config;
  const made = typeof extras === 'function' ? extras(aliasedColumns(table, alias), { sql }) : extras;
  if (!walk.parts({ columns, extras: made }, SELECTED)) return false;
  for (const key in relations) {
    const value = relations[key];
    if (!value) continue;
    walk.step(WITH);
    walk.step(key);
    if (!walkRelation(walk, query, value, table, key, `${alias}_${key}`)) return false;
    walk.step(END);
  }
  const clauses = {
    where: typeof where === 'function' ? where(aliasedColumns(table, alias), operators) : where,
    orderBy: typeof orderBy === 'function' ? orderBy(aliasedColumns(table, alias), orderOperators) : orderBy,
    limit: config.limit,
    offset: config.offset,
  };
  return walk.parts(clauses, CLAUSES);
}

function walkRelation(
  walk: Walk,
  query: RelationalBuilder,
  value: RelationalConfig | true,
  table: TableConfig,
  key: string,
  alias: string,
): boolean {
  const relation = table.relations[key];
  const target =
    relation && query.schema[query.tableNamesMap[getTableUniqueName(relation.referencedTable)] as string];
  if (!target) return false;
  if (is(relation, One))
    return walkLevel(walk, query, { ...(value as RelationalConfig), limit: 1 }, target, alias);
  if (value !== true) return walkLevel(walk, query, value, target, alias);
  walk.step(EVERYTHING);
  return true;
}

const COLUMNS = new WeakMap<TableConfig, Map<string, Record<string, Column>>>();

/** The columns that callbacks are given: proxies, made once per alias instead of once per query. */
function aliasedColumns(table: TableConfig, alias: string): Record<string, Column> {
  let byAlias = COLUMNS.get(table);
  if (!byAlias) {
    byAlias = new Map();
    COLUMNS.set(table, byAlias);
  }
  let columns = byAlias.get(alias);
  if (!columns) {
    columns = {};
    for (const key in table.columns) columns[key] = aliasedTableColumn(table.columns[key] as Column, alias);
    byAlias.set(alias, columns);
  }
  return columns;
}
