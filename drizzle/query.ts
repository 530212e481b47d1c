import type { Cache } from 'drizzle-orm/cache/core';
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types';
import { entityKind, is } from 'drizzle-orm/entity';
import { Param, Placeholder } from 'drizzle-orm/sql/sql';
import { type PreparedQueryConfig, SQLitePreparedQuery } from 'drizzle-orm/sqlite-core/session';
import { factoryFor, type Plan } from '../src/engine/plan.ts';
import { encodeValue, type SqlValue } from '../src/engine/values.ts';
import { DosqlError } from '../src/errors/index.ts';
import { compileFields, type Field, type Mapper, mapRows } from './mapper.ts';
import { observe } from './observe.ts';
import { type DrizzleRunResult, runResult } from './result.ts';
import type { Session } from './session.ts';

export type Placeholders = Record<string, unknown> | undefined;
export type Method = 'run' | 'all' | 'get' | 'values';

/** What drizzle knows of a query for its cache. */
export interface Metadata {
  readonly type: 'select' | 'update' | 'delete' | 'insert';
  readonly tables: string[];
}

/** One SQL text with what running it takes, shared by all queries of its shape. */
export interface Form {
  readonly sql: string;
  /** The text that stops at the first row, where a LIMIT can be appended. */
  readonly first?: string | undefined;
  readonly fields?: readonly Field[] | undefined;
  mapper?: Mapper | undefined;
  /** drizzle's own mapper of all rows to the result. */
  readonly custom?: ((rows: unknown[][]) => unknown) | undefined;
}

/** A parameter that is given at execution. */
interface Slot {
  readonly name: string;
  readonly encoder?: { mapToDriverValue(value: unknown): unknown };
}

type Loose = PreparedQueryConfig & { type: 'sync' | 'async' };

/** A query that is ready to run: the synchronous half, which both kinds of driver share. */
export abstract class Query extends SQLitePreparedQuery<Loose> {
  static override readonly [entityKind]: string = 'DosqlPreparedQuery';
  declare joinsNotNullableMap?: Record<string, boolean>;
  declare queryWithCache: <T>(sql: string, params: unknown[], work: () => Promise<T>) => Promise<T>;
  readonly #slots: (Slot | undefined)[] | undefined;
  #plan: Plan | undefined;
  #hooks = 0;

  constructor(
    readonly session: Session,
    readonly form: Form,
    readonly params: unknown[],
    readonly method: Method,
    readonly metadata?: Metadata,
    cacheConfig?: WithCacheConfig,
  ) {
    super(
      session.kind,
      method as 'all',
      form as never,
      session.cache as Cache | undefined,
      metadata,
      cacheConfig,
    );
    this.#slots = slotsOf(params);
  }

  override getQuery(): { sql: string; params: unknown[] } {
    return { sql: this.form.sql, params: this.params };
  }

  /** Runs as `method` says. */
  now(placeholders?: Placeholders): unknown {
    switch (this.method) {
      case 'run':
        return this.runNow(placeholders);
      case 'get':
        return this.getNow(placeholders);
      case 'values':
        return this.valuesNow(placeholders);
      default:
        return this.allNow(placeholders);
    }
  }

  allNow(placeholders?: Placeholders): unknown {
    return this.mapAll(this.fetch(this.form.sql, placeholders));
  }

  getNow(placeholders?: Placeholders): unknown {
    const rows = this.fetch(this.form.first ?? this.form.sql, placeholders);
    if (rows.length === 0) return undefined;
    if (this.form.custom) return this.form.custom(rows);
    if (rows.length > 1) rows.length = 1;
    return (this.mapAll(rows) as unknown[])[0];
  }

  valuesNow(placeholders?: Placeholders): unknown[][] {
    return this.fetch(this.form.sql, placeholders);
  }

  runNow(placeholders?: Placeholders): DrizzleRunResult {
    const { engine } = this.session;
    const plan = this.plan(this.form.sql);
    const { kind, returning } = plan.statement;
    if (kind !== 'write' || returning || this.session.settings.onQuery) {
      const rows = this.fetch(this.form.sql, placeholders);
      return runResult(engine, objects(plan, engine.names, rows), kind === 'write');
    }
    const values = this.bind(placeholders);
    this.session.logger?.logQuery(this.form.sql, values);
    engine.run(plan, values);
    return runResult(engine, [], true);
  }

  /** Values in binding order. @throws INVALID_PARAMETER, PARAMETER_COUNT for a placeholder without a value */
  bind(placeholders: Placeholders): SqlValue[] {
    const { params } = this;
    const slots = this.#slots;
    const values: SqlValue[] = new Array(params.length);
    for (let i = 0; i < params.length; i++) {
      const slot = slots?.[i];
      values[i] = slot === undefined ? encodeValue(params[i], i + 1) : fill(slot, placeholders);
    }
    return values;
  }

  plan(sql: string): Plan {
    const { engine } = this.session;
    if (sql !== this.form.sql) return engine.plan(sql);
    if (this.#plan === undefined || this.#hooks !== engine.planHooks.length) {
      this.#plan = engine.plan(sql);
      this.#hooks = engine.planHooks.length;
    }
    return this.#plan;
  }

  protected fetch(sql: string, placeholders: Placeholders): unknown[][] {
    const { engine, settings, logger } = this.session;
    const plan = this.plan(sql);
    const values = this.bind(placeholders);
    logger?.logQuery(this.form.sql, values);
    const mode = this.mapper()?.exact ? 'bigint' : settings.integers;
    return settings.onQuery ? observe(engine, settings, plan, values, mode) : engine.all(plan, values, mode);
  }

  protected mapAll(rows: unknown[][]): unknown {
    const { form, session } = this;
    if (form.custom) return form.custom(rows);
    const mapper = this.mapper();
    if (mapper) return mapRows(mapper, rows, session.settings.integers);
    return objects(this.plan(form.sql), session.engine.names, rows);
  }

  protected mapper(): Mapper | undefined {
    const { form } = this;
    if (form.mapper === undefined && form.fields)
      form.mapper = compileFields(form.fields, this.joinsNotNullableMap);
    return form.mapper;
  }
}

/** Rows by column name, for SQL that drizzle knows no fields of. */
function objects(plan: Plan, names: readonly string[], rows: unknown[][]): unknown[] {
  if (rows.length === 0) return rows;
  const make = factoryFor(plan, names);
  return rows.map((row) => make(row));
}

function slotsOf(params: readonly unknown[]): (Slot | undefined)[] | undefined {
  let slots: (Slot | undefined)[] | undefined;
  for (let i = 0; i < params.length; i++) {
    const param = params[i];
    if (typeof param !== 'object' || param === null) continue;
    const slot = slotOf(param);
    if (slot) {
      slots ??= new Array(params.length).fill(undefined);
      slots[i] = slot;
    }
  }
  return slots;
}

function slotOf(param: object): Slot | undefined {
  if (is(param, Placeholder)) return { name: param.name };
  if (is(param, Param) && is(param.value, Placeholder))
    return { name: param.value.name, encoder: param.encoder };
  return undefined;
}

function fill({ name, encoder }: Slot, placeholders: Placeholders): SqlValue {
  if (placeholders === undefined || !(name in placeholders)) {
    throw new DosqlError('PARAMETER_COUNT', `No value for placeholder "${name}" was provided`);
  }
  const value = placeholders[name];
  // null is NULL whatever the column: the encoders of json and timestamp columns know no null.
  return encodeValue(encoder === undefined || value == null ? value : encoder.mapToDriverValue(value), name);
}
