import { entityKind, is, Param, Placeholder } from 'drizzle-orm';
import type { Cache } from 'drizzle-orm/cache/core';
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types';
import { type PreparedQueryConfig, SQLitePreparedQuery } from 'drizzle-orm/sqlite-core';
import type { Engine } from '../src/engine/engine.ts';
import type { Ready } from '../src/engine/foreign.ts';
import type { IntegerMode } from '../src/engine/integers.ts';
import { observed } from '../src/engine/observe.ts';
import { factoryFor, type Plan } from '../src/engine/plan.ts';
import { encodeValue, type SqlValue } from '../src/engine/values.ts';
import { DosqlError } from '../src/errors/index.ts';
import type { Bulk } from './bulk.ts';
import { settle } from './decoders.ts';
import { compileFields, type Field, type Mapper, mapRows } from './mapper.ts';
import { type DrizzleRunResult, NOTHING, runResult } from './result.ts';
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
  /** The plan of `sql` where no extension rewrites SQL: then it is the same for every database. */
  plan?: Plan | undefined;
  /** The same stopping at the first row, where a LIMIT can be appended. */
  readonly first?: Form | undefined;
  readonly fields?: readonly Field[] | undefined;
  mapper?: Mapper | undefined;
  /** An insert of more rows than one statement can bind. */
  readonly bulk?: Bulk | undefined;
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
  /** What runs in its place in this turn, with rows from outside the object. */
  declare ready?: Ready | undefined;
  declare joinsNotNullableMap?: Record<string, boolean>;
  declare queryWithCache: <T>(sql: string, params: unknown[], work: () => Promise<T>) => Promise<T>;
  readonly #slots: Slots;

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

  allNow(placeholders?: Placeholders): unknown[] {
    return this.mapAll(this.fetch(this.form, placeholders));
  }

  getNow(placeholders?: Placeholders): unknown {
    const { form } = this;
    const rows = this.fetch(form.first ?? form, placeholders);
    if (rows.length === 0) return undefined;
    if (rows.length > 1) rows.length = 1;
    return this.mapAll(rows)[0];
  }

  valuesNow(placeholders?: Placeholders): unknown[][] {
    return this.raw(this.form, placeholders);
  }

  runNow(placeholders?: Placeholders): DrizzleRunResult {
    const { form, session } = this;
    const { engine } = session;
    const plan = planOf(engine, form);
    const { kind, returning } = plan.statement;
    const write = kind === 'write';
    const plain = session.kind === 'async';
    if (form.bulk) {
      const { rows, change } = form.bulk.run(this, placeholders);
      return runResult(engine, objects(plan, engine.names, rows), change, plain);
    }
    if (!write || returning || session.settings.onQuery || this.ready) {
      const rows = this.fetch(form, placeholders);
      return runResult(engine, objects(plan, engine.names, rows), write ? undefined : NOTHING, plain);
    }
    const values = this.bind(placeholders);
    session.logger?.logQuery(form.sql, values);
    engine.run(plan, values);
    return runResult(engine, [], undefined, plain);
  }

  bind(placeholders: Placeholders): SqlValue[] {
    return bindValues(this.params, this.#slots, placeholders);
  }

  /** Runs one statement: every row as an array. */
  rowsOf(form: Form, values: SqlValue[]): unknown[][] {
    const { engine, settings, logger } = this.session;
    const plan = planOf(engine, form);
    logger?.logQuery(form.sql, values);
    const mode = this.mapper()?.exact ? 'bigint' : settings.integers;
    const { ready } = this;
    const run = () => (ready ? engine.all(ready.plan, ready.values, mode) : engine.all(plan, values, mode));
    return settings.onQuery ? observed(engine, settings, plan, values, run) : run();
  }

  fetch(form: Form, placeholders: Placeholders): unknown[][] {
    if (form.bulk) return form.bulk.run(this, placeholders).rows;
    return this.rowsOf(form, this.bind(placeholders));
  }

  /** Rows as they come, where integers that were read exactly for one column are in the others what the mode says. */
  raw(form: Form, placeholders: Placeholders, exact: IntegerMode = 'bigint'): unknown[][] {
    const rows = this.fetch(form, placeholders);
    const mapper = this.mapper();
    if (mapper?.exact) {
      mapper.decoders.forEach((decoder, c) => {
        settle(rows, c, decoder?.exact ? exact : this.session.settings.integers);
      });
    }
    return rows;
  }

  protected mapAll(rows: unknown[][]): unknown[] {
    const { form, session } = this;
    const mapper = this.mapper();
    if (mapper) return mapRows(mapper, rows, session.settings.integers);
    return objects(planOf(session.engine, form), session.engine.names, rows);
  }

  protected mapper(): Mapper | undefined {
    const { form } = this;
    if (form.mapper === undefined && form.fields)
      form.mapper = compileFields(form.fields, this.joinsNotNullableMap);
    return form.mapper;
  }
}

export function planOf(engine: Engine, form: Form): Plan {
  if (engine.planHooks.length > 0) return engine.plan(form.sql);
  if (form.plan === undefined || !engine.whole) form.plan = engine.plan(form.sql);
  return form.plan;
}

/** Rows by column name, for SQL that drizzle knows no fields of. */
function objects(plan: Plan, names: readonly string[], rows: unknown[][]): unknown[] {
  if (rows.length === 0) return rows;
  const make = factoryFor(plan, names);
  return rows.map((row) => make(row));
}

type Slots = readonly (Slot | undefined)[] | undefined;

/** Where placeholders stand in `params`. */
export function slotsOf(params: readonly unknown[]): Slots {
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

/** @throws INVALID_PARAMETER, PARAMETER_COUNT for a placeholder without a value */
export function bindValues(params: readonly unknown[], slots: Slots, placeholders: Placeholders): SqlValue[] {
  const values: SqlValue[] = new Array(params.length);
  for (let i = 0; i < params.length; i++) {
    const slot = slots?.[i];
    values[i] = slot === undefined ? encodeValue(params[i], i + 1) : fill(slot, placeholders);
  }
  return values;
}

function fill({ name, encoder }: Slot, placeholders: Placeholders): SqlValue {
  const value = placeholders?.[name];
  // `in` with a name that varies is slow, so only where it can matter.
  if (value === undefined && !(placeholders && name in placeholders)) {
    throw new DosqlError('PARAMETER_COUNT', `No value for placeholder "${name}" was provided`);
  }
  // null is NULL whatever the column: the encoders of json and timestamp columns know no null.
  return encodeValue(encoder === undefined || value == null ? value : encoder.mapToDriverValue(value), name);
}
