import { Column, noopDecoder, SQL, Table } from 'drizzle-orm';
import type { DeleteConfig, OrderedFields, SelectConfig, UpdateConfig } from './internals.ts';
import { END, type Walk } from './shapes.ts';

const FIELDS = Symbol('fields');
const DISTINCT = Symbol('distinct');
export const ALIASED = Symbol('aliased');
const EXPRESSION = Symbol('expression');
const JOIN = Symbol('join');
const FROM = Symbol('from');
export const WHERE = Symbol('where');
const GROUP = Symbol('group by');
const HAVING = Symbol('having');
export const ORDER = Symbol('order by');
const LIMIT = Symbol('limit');
export const OFFSET = Symbol('offset');
const RETURNING = Symbol('returning');

/** Walks in the order of the SQL text, so that parameters come out in binding order. */
export function walkSelect(walk: Walk, config: SelectConfig, partial: boolean): boolean {
  if (config.withList?.length || config.setOperators.length > 0) return false;
  if (!(config.table instanceof Table)) return false;
  walk.table(config.table);
  if (config.distinct) walk.step(DISTINCT);
  if (partial && !walkFields(walk, config.fields)) return false;
  if (config.joins) {
    for (const { joinType, table, on } of config.joins) {
      if (!(table instanceof Table)) return false;
      walk.step(JOIN);
      walk.step(joinType);
      walk.table(table);
      if (!walk.chunk(on)) return false;
    }
  }
  return (
    section(walk, WHERE, config.where) &&
    list(walk, GROUP, config.groupBy) &&
    section(walk, HAVING, config.having) &&
    list(walk, ORDER, config.orderBy) &&
    limit(walk, config.limit) &&
    section(walk, OFFSET, config.offset)
  );
}

export function walkUpdate(walk: Walk, config: UpdateConfig): boolean {
  const { table, set, joins, from } = config;
  if (config.withList?.length || joins.length > 0 || (from && !(from instanceof Table))) return false;
  walk.table(table);
  for (const [key, column] of Object.entries(columnsOf(table))) {
    const value = set[key];
    if (value === undefined) continue;
    walk.step(column);
    if (!walk.chunk(value)) return false;
  }
  if (from) {
    walk.step(FROM);
    walk.table(from as Table);
  }
  return section(walk, WHERE, config.where) && tail(walk, config);
}

export function walkDelete(walk: Walk, config: DeleteConfig): boolean {
  if (config.withList?.length) return false;
  walk.table(config.table);
  return section(walk, WHERE, config.where) && tail(walk, config);
}

function tail(walk: Walk, config: DeleteConfig): boolean {
  return (
    walkReturning(walk, config.returning) && list(walk, ORDER, config.orderBy) && limit(walk, config.limit)
  );
}

/** A clause, where there is one. */
export function section(walk: Walk, name: symbol, chunk: unknown): boolean {
  if (!chunk) return true;
  walk.step(name);
  return walk.chunk(chunk);
}

export function list(walk: Walk, name: symbol, chunks: readonly unknown[] | undefined): boolean {
  if (!chunks?.length) return true;
  walk.step(name);
  return walk.list(chunks);
}

/** What drizzle takes for a LIMIT, except placeholders and expressions. */
export function isLimit(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

/** A number is part of the text. */
export function limit(walk: Walk, value: unknown): boolean {
  if (isLimit(value)) {
    walk.step(LIMIT);
    walk.step(value);
  }
  return typeof value !== 'object';
}

export function walkReturning(walk: Walk, fields: OrderedFields | undefined): boolean {
  if (!fields) return true;
  walk.step(RETURNING);
  for (const { path, field } of fields) {
    for (const key of path) walk.step(key);
    if (!walkField(walk, field)) return false;
  }
  return true;
}

function walkFields(walk: Walk, fields: Readonly<Record<string, unknown>>): boolean {
  walk.step(FIELDS);
  for (const key in fields) {
    walk.step(key);
    const field = fields[key];
    if (walkField(walk, field)) continue;
    if (Object.getPrototypeOf(field) !== Object.prototype) return false;
    if (!walkFields(walk, field as Record<string, unknown>)) return false;
  }
  walk.step(END);
  return true;
}

function walkField(walk: Walk, field: unknown): boolean {
  if (field instanceof Column) return walk.column(field);
  if (field instanceof SQL) return walkExpression(walk, field);
  if (field instanceof SQL.Aliased) {
    walk.step(ALIASED);
    walk.step(field.fieldAlias);
    walk.step((field as unknown as { isSelectionField: boolean }).isSelectionField);
    return walkExpression(walk, field.sql);
  }
  return field instanceof Table && walk.table(field);
}

/** An expression and its decoder, which belongs to the shape because the mapper is kept with it. */
export function walkExpression(walk: Walk, sql: SQL): boolean {
  const { decoder } = sql as unknown as { decoder: { mapFromDriverValue: unknown } };
  const decode = decoder.mapFromDriverValue;
  walk.step(EXPRESSION);
  if (decoder instanceof Column) walk.column(decoder);
  else if (decoder === noopDecoder || PLAIN.has(decode)) walk.step(decode);
  else return false;
  if (!walk.sql(sql)) return false;
  walk.step(END);
  return true;
}

/** Decoders that stay the same between queries. A closure made for each query would make each a shape of its own. */
const PLAIN = new Set<unknown>([Number, String, Boolean, BigInt]);

type Columns = Record<string, Column & { onUpdateFn?: () => unknown }>;

export function columnsOf(table: Table): Columns {
  return (table as unknown as Record<symbol, Columns>)[
    (Table as unknown as { Symbol: { Columns: symbol } }).Symbol.Columns
  ] as Columns;
}
