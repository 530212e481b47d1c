import { type Column, orderSelectedFields, Param, SQL, Table } from 'drizzle-orm';
import { extractUsedTable, type SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Builder, DeleteConfig, SelectBuilder, SelectConfig, UpdateConfig } from './internals.ts';
import { compileFields } from './mapper.ts';
import type { Form, Metadata, Query } from './query.ts';
import type { Session } from './session.ts';
import type { Walk } from './shapes.ts';

const SELECT = Symbol('select');
const UPDATE = Symbol('update');
const DELETE = Symbol('delete');

// The parts of each configuration in the order of the SQL text, so that parameters come out in binding order.
const UPDATE_PARTS = ['table', 'set', 'from', 'joins', 'where', 'returning', 'orderBy', 'limit', 'withList'];
const DELETE_PARTS = ['table', 'where', 'returning', 'orderBy', 'limit', 'withList'];
const SELECT_PARTS = [
  'distinct',
  'table',
  'joins',
  'where',
  'groupBy',
  'having',
  'orderBy',
  'limit',
  'offset',
  'setOperators',
  'withList',
];
/** Without a choice of columns, the tables tell the fields. */
const CHOICE_PARTS = ['fields', ...SELECT_PARTS];

/** A query as text, mapper and parameters. */
export interface Built {
  readonly form: Form;
  readonly params: unknown[];
}

/** The form at the end of a walk; where there is none yet, drizzle builds it. */
export function formAt<Q>(walk: Walk | undefined, build: (query: Q) => Built, query: Q): Built {
  if (walk === undefined) return build(query);
  const known = walk.at.form;
  if (known !== undefined) return { form: known, params: walk.params };
  const built = build(query);
  // A guard against a builder that puts its parameters in another order than the walk.
  if (built.params.length === walk.params.length && built.params.every((p, i) => same(p, walk.params[i]))) {
    walk.at.form = built.form;
  }
  return built;
}

function same(a: unknown, b: unknown): boolean {
  return Object.is(a, b) || (typeof a === 'object' && typeof b === 'object');
}

/** A walk for a query that is built and run once; prepared queries and cached ones need none. */
export function walkOf(
  session: Session,
  kind: symbol,
  config: object,
  parts: readonly string[],
  oneTime: boolean,
): Walk | undefined {
  if (!oneTime || session.cache !== undefined) return undefined;
  const walk = session.options.shapes.walk(kind);
  return walk.parts(config, parts) ? walk : undefined;
}

/** Gives a builder our `_prepare`, and where calls are asynchronous an `execute` of one promise instead of three. */
export function adopt<T>(builder: T, prepare: (this: never, oneTime?: boolean) => Query): T {
  const own = builder as unknown as Builder<unknown>;
  own._prepare = prepare as never;
  if (own.session.kind === 'async') own.execute = execute;
  return builder;
}

function execute(this: Builder<unknown>, placeholders?: Record<string, unknown>): Promise<unknown> {
  try {
    return this._prepare().execute(placeholders) as unknown as Promise<unknown>;
  } catch (error) {
    return Promise.reject(error);
  }
}

export function prepareSelect(this: SelectBuilder, oneTime = true): Query {
  const { session, config } = this;
  const walk = walkOf(session, SELECT, config, this.isPartialSelect ? CHOICE_PARTS : SELECT_PARTS, oneTime);
  const { form, params } = formAt(walk, buildSelect, this);
  const metadata = session.cache && ({ type: 'select', tables: [...this.usedTables] } satisfies Metadata);
  return session.query(form, params, 'all', metadata, this.cacheConfig);
}

function buildSelect(query: SelectBuilder): Built {
  const { session, config } = query;
  const { sql, params } = session.options.dialect.sqlToQuery(query.getSQL());
  return {
    form: {
      sql,
      first: endsLimited(config) ? undefined : { sql: `${sql} limit 1` },
      mapper: compileFields(orderSelectedFields(config.fields), query.joinsNotNullableMap),
    },
    params,
  };
}

/** Whether the text ends in a limit, which may be that of the last query of a compound. */
function endsLimited(config: SelectConfig): boolean {
  const last = config.setOperators.at(-1);
  const { limit, offset } = last ?? config;
  return limit !== undefined || offset !== undefined || (!!last && endsLimited(last.rightSelect.config));
}

export function prepareUpdate(this: Builder<UpdateConfig>, oneTime = true): Query {
  const { session } = this;
  const config = withUpdates(this.config);
  const walk = walkOf(session, UPDATE, config, UPDATE_PARTS, oneTime);
  const { dialect } = session.options;
  const build = () => written(session, config, dialect.buildUpdateQuery(config as never));
  return effect(session, formAt(walk, build, this), config, 'update');
}

/** The values of an update in the order of the table's columns, those of `$onUpdate` asked for once. */
function withUpdates(config: UpdateConfig): UpdateConfig {
  const set: UpdateConfig['set'] = {};
  const columns = columnsOf(config.table);
  for (const key in columns) {
    const column = columns[key] as (typeof columns)[string];
    let value: unknown = config.set[key];
    if (value === undefined) {
      if (column.onUpdateFn === undefined) continue;
      value = column.onUpdateFn();
      if (!(value instanceof SQL)) value = new Param(value, column);
    }
    set[key] = value as Param;
  }
  return { ...config, set };
}

type Columns = Record<string, Column & { onUpdateFn?: () => unknown }>;

export function columnsOf(table: Table): Columns {
  return (table as unknown as Record<symbol, Columns>)[
    (Table as unknown as { Symbol: { Columns: symbol } }).Symbol.Columns
  ] as Columns;
}

export function prepareDelete(this: Builder<DeleteConfig>, oneTime = true): Query {
  const { session, config } = this;
  const walk = walkOf(session, DELETE, config, DELETE_PARTS, oneTime);
  const build = () => written(session, config, this.getSQL());
  return effect(session, formAt(walk, build, this), config, 'delete');
}

interface Written {
  readonly table: SQLiteTable;
  readonly returning?: DeleteConfig['returning'];
}

/** The form of a statement that writes. */
export function written(session: Session, { returning }: Written, statement: SQL): Built {
  const { sql, params } = session.options.dialect.sqlToQuery(statement);
  return { form: { sql, mapper: returning && compileFields(returning, undefined) }, params };
}

export function effect(
  session: Session,
  { form, params }: Built,
  { table, returning }: Written,
  type: Metadata['type'],
): Query {
  const metadata = session.cache && { type, tables: extractUsedTable(table) };
  return session.query(form, params, returning ? 'all' : 'run', metadata);
}
