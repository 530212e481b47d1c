import {
  createTableRelationsHelpers,
  DefaultLogger,
  type DrizzleConfig,
  entityKind,
  extractTablesRelationalConfig,
  is,
  type Logger,
  NoopLogger,
  type RelationalSchemaConfig,
  type SQL,
  sql,
  type TablesRelationalConfig,
} from 'drizzle-orm';
import { type Cache, NoopCache } from 'drizzle-orm/cache/core';
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types';
import { SQLiteAsyncDialect, SQLiteSession, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import type { Engine } from '../src/engine/engine.ts';
import type { Settings } from '../src/engine/statements.ts';
import type { Handle } from './connection.ts';
import type { Field } from './mapper.ts';
import type { Form, Metadata, Method, Query } from './query.ts';
import type { DrizzleRunResult } from './result.ts';
import { type Shapes, shapesFor } from './shapes.ts';
import { start } from './started.ts';

export type Kind = 'sync' | 'async';
export type Schema = RelationalSchemaConfig<TablesRelationalConfig>;

/** What all sessions of one `drizzle(…)` share. */
export interface Options {
  readonly dialect: SQLiteSyncDialect & SQLiteAsyncDialect;
  readonly schema: Schema | undefined;
  readonly logger: Logger | undefined;
  readonly cache: Cache | undefined;
  readonly shapes: Shapes;
}

/** Reads drizzle's configuration. */
export function optionsOf(kind: Kind, config: DrizzleConfig<Record<string, unknown>>): Options {
  const Dialect = kind === 'sync' ? SQLiteSyncDialect : SQLiteAsyncDialect;
  const dialect = Object.assign(new Dialect(config as never), {
    buildLimit,
  }) as unknown as Options['dialect'];
  const logger = config.logger === true ? new DefaultLogger() : config.logger || undefined;
  const cache = config.cache;
  return {
    dialect,
    schema: config.schema && schemaOf(config.schema),
    logger: is(logger, NoopLogger) ? undefined : logger,
    cache: is(cache, NoopCache) ? undefined : cache,
    shapes: shapesFor(config.casing),
  };
}

/**
 * SQLite looks at a bound LIMIT when it plans, and plans again whenever it is bound anew, which costs more than many
 * queries: a number is written out. In place of the dialect's own method.
 */
function buildLimit(limit: unknown): SQL | undefined {
  if (typeof limit === 'object') return sql` limit ${limit}`;
  return typeof limit === 'number' && limit >= 0 ? sql.raw(` limit ${limit}`) : undefined;
}

const SCHEMAS = new WeakMap<object, Schema>();

/** Kept per schema module: the same configuration objects for every object of an isolate. */
function schemaOf(fullSchema: Record<string, unknown>): Schema {
  let schema = SCHEMAS.get(fullSchema);
  if (!schema) {
    const { tables, tableNamesMap } = extractTablesRelationalConfig(fullSchema, createTableRelationsHelpers);
    schema = { fullSchema, schema: tables, tableNamesMap };
    SCHEMAS.set(fullSchema, schema);
  }
  return schema;
}

/** The part of a session that both kinds share. */
export abstract class Session extends SQLiteSession<
  Kind,
  DrizzleRunResult,
  Record<string, unknown>,
  TablesRelationalConfig
> {
  static override readonly [entityKind]: string = 'DosqlSession';
  readonly logger: Logger | undefined;
  readonly cache: Cache | undefined;
  abstract readonly kind: Kind;

  /** @param handle where statements run; not there before a lazy database is open */
  constructor(
    readonly options: Options,
    public handle: Handle | undefined,
  ) {
    super(options.dialect);
    this.logger = options.logger;
    this.cache = options.cache;
    start();
  }

  get engine(): Engine {
    return (this.handle as Handle).scope.engine;
  }

  get settings(): Settings {
    return (this.handle as Handle).settings;
  }

  abstract query(
    form: Form,
    params: unknown[],
    method: Method,
    metadata?: Metadata,
    cacheConfig?: WithCacheConfig,
  ): Query;

  override prepareQuery(
    query: { sql: string; params: unknown[] },
    fields: readonly Field[] | undefined,
    method: Method,
    _isResponseInArrayMode: boolean,
    _custom?: unknown,
    metadata?: Metadata,
    cacheConfig?: WithCacheConfig,
  ): Query {
    return this.query({ sql: query.sql, fields }, query.params, method, metadata, cacheConfig);
  }
}
