import { DrizzleQueryError, entityKind, type TablesRelationalConfig } from 'drizzle-orm';
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types';
import { SQLiteTransaction } from 'drizzle-orm/sqlite-core';
import { isMoved, loadForeign, type Ready, withForeign } from '../src/engine/foreign.ts';
import type { Plan } from '../src/engine/plan.ts';
import { enter, type Scope } from '../src/engine/scope.ts';
import { runTransaction } from '../src/engine/transaction.ts';
import { attach, entryPoints } from './attach.ts';
import type { Connection, Handle } from './connection.ts';
import { type Form, type Metadata, type Method, type Placeholders, planOf, Query } from './query.ts';
import type { DrizzleRunResult } from './result.ts';
import { type Options, Session } from './session.ts';

type Work = (this: AsyncQuery, placeholders?: Placeholders) => unknown;

/** A prepared query of the asynchronous driver. Its errors are DrizzleQueryErrors whose cause is a DosqlError. */
export class AsyncQuery extends Query {
  declare readonly session: AsyncSession;

  override run(placeholders?: Placeholders): Promise<unknown> {
    return this.#go(this.runNow, placeholders);
  }

  override all(placeholders?: Placeholders): Promise<unknown> {
    return this.#go(this.allNow, placeholders);
  }

  override get(placeholders?: Placeholders): Promise<unknown> {
    return this.#go(this.getNow, placeholders);
  }

  override values(placeholders?: Placeholders): Promise<unknown> {
    return this.#go(this.valuesNow, placeholders);
  }

  /** One `async` function per call: every further one would cost as much as mapping a row. */
  async #go(work: Work, placeholders: Placeholders): Promise<unknown> {
    const { session } = this;
    const handle = session.handle;
    try {
      if (handle === undefined || handle.scope.blocked || session.cache !== undefined) {
        return await this.#wait(work, placeholders);
      }
      const { scope } = handle;
      if (scope.engine.loads && this.#plan(scope, work).foreign)
        return await this.#turn(scope, work, placeholders);
      scope.check();
      return work.call(this, placeholders);
    } catch (error) {
      throw this.failed(error, placeholders);
    }
  }

  async #wait(work: Work, placeholders: Placeholders): Promise<unknown> {
    const { scope } = await this.session.open();
    const { cache } = this.session;
    if (!cache || !this.metadata) return this.#turn(scope, work, placeholders);
    const { sql } = this.form;
    const key = this.bind(placeholders).map(keyPart);
    const first = work === this.getNow;
    if (!first && work !== this.allNow) {
      return this.queryWithCache(sql, key, async () => this.#turn(scope, work, placeholders));
    }
    // Rows are cached as they come: a cache that keeps JSON would lose what decoding makes of them.
    const form = (first && this.form.first) || this.form;
    const rows = (await this.queryWithCache(form.sql, key, async () =>
      this.#turn(scope, first ? firstRows : this.valuesNow, placeholders),
    )) as unknown[][];
    const all = this.mapAll(rows.map((row) => row.slice()));
    return first ? all[0] : all;
  }

  /** Runs when the scope's turn comes, with the rows it needs from outside. */
  #turn(scope: Scope, work: Work, placeholders: Placeholders): Promise<unknown> {
    const plan = this.#plan(scope, work);
    if (!plan.foreign) return enter(scope, () => work.call(this, placeholders));
    return withForeign(scope, plan, this.bind(placeholders), this.session.settings, (ready) =>
      work.call(this.with(ready, plan), placeholders),
    );
  }

  #plan({ engine }: Scope, work?: Work): Plan {
    const { form } = this;
    return planOf(engine, ((work === this.getNow || work === firstRows) && form.first) || form);
  }

  /** The same query with its rows from outside. */
  with(ready: Ready, { sql }: Plan): AsyncQuery {
    const { session, form, params, method, metadata } = this;
    return new AsyncQuery(
      session,
      { ...form, sql, first: undefined, mapper: this.mapper(), ready },
      params,
      method,
      metadata,
    );
  }

  /** What a batch needs loaded before it starts. */
  async load(scope: Scope): Promise<AsyncQuery> {
    const plan = this.#plan(scope, this.method === 'get' ? this.getNow : undefined);
    if (!plan.foreign) return this;
    try {
      return this.with(await loadForeign(plan, this.bind(undefined), this.session.settings), plan);
    } catch (error) {
      throw this.failed(error);
    }
  }

  failed(error: unknown, placeholders?: Placeholders): DrizzleQueryError {
    if (error instanceof DrizzleQueryError) return error;
    try {
      return new DrizzleQueryError(this.form.sql, this.bind(placeholders), error as Error);
    } catch {
      // What cannot be bound may not even have a text; the error itself says which parameter it is.
      return new DrizzleQueryError(this.form.sql, [], error as Error);
    }
  }
}

function firstRows(this: AsyncQuery, placeholders?: Placeholders): unknown[][] {
  return this.fetch(this.form.first ?? this.form, placeholders);
}

/** JSON, of which cache keys are made, has no bigint and sees no bytes in an ArrayBuffer. */
function keyPart(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}

export class AsyncSession extends Session {
  static override readonly [entityKind]: string = 'DosqlAsyncSession';
  readonly kind = 'async';

  /** @param connection what opens the handle; a transaction has its own handle instead */
  constructor(
    options: Options,
    handle: Handle | undefined,
    readonly connection?: Connection,
  ) {
    super(options, handle);
  }

  async open(): Promise<Handle> {
    this.handle ??= await this.connection?.open();
    return this.handle as Handle;
  }

  query(form: Form, params: unknown[], method: Method, metadata?: Metadata, cacheConfig?: WithCacheConfig) {
    // What a transaction reads may be rolled back: it must not get into the cache.
    return new AsyncQuery(
      this,
      form,
      params,
      method,
      metadata,
      this.connection ? cacheConfig : { enable: false },
    );
  }

  override async transaction<T>(work: (tx: AsyncTransaction) => Promise<T>): Promise<T> {
    const { scope, settings } = this.handle ?? (await this.open());
    return runTransaction(scope, async (inner) =>
      work(new AsyncTransaction(new AsyncSession(this.options, { scope: inner, settings }))),
    );
  }

  /** Runs built queries in order, in one transaction: all or none. */
  async batch(queries: readonly Batchable[]): Promise<unknown[]> {
    const { scope } = this.handle ?? (await this.open());
    const prepared: AsyncQuery[] = [];
    for (const query of queries) prepared.push(this.#prepare(query._prepare()));
    const results = await this.#together(scope, prepared);
    const { cache } = this;
    if (cache) {
      const writes = prepared.filter(({ metadata }) => metadata && metadata.type !== 'select');
      await Promise.all(
        writes.map(({ metadata }) => cache.onMutate({ tables: (metadata as Metadata).tables })),
      );
    }
    return results;
  }

  async #together(scope: Scope, prepared: readonly AsyncQuery[]): Promise<unknown[]> {
    const { engine } = scope;
    let loaded = prepared;
    if (engine.loads) {
      const queries: AsyncQuery[] = [];
      for (const query of prepared) queries.push(await query.load(scope));
      loaded = queries;
    }
    const work = () => engine.transactionSync(() => loaded.map(runNow));
    try {
      return scope.blocked ? await enter(scope, work) : work();
    } catch (error) {
      if (!isMoved((error as Error).cause)) throw error;
    }
    // Others moved the rows, or a query before: each must load after the one before it has run.
    return this.transaction(async (tx) => {
      const { session } = tx as unknown as { session: AsyncSession };
      const results: unknown[] = [];
      for (const { form, params, method, metadata } of prepared)
        results.push(await session.query(form, params, method, metadata).execute());
      return results;
    });
  }

  /** `db.run(sql…)` and its like are no prepared queries, but tell what they would run. */
  #prepare(query: AsyncQuery | RawQuery): AsyncQuery {
    if (query instanceof AsyncQuery) return query;
    const { sql, params, method } = query.getQuery();
    return this.query({ sql }, params, method);
  }
}

function runNow(query: AsyncQuery): unknown {
  try {
    return query.now();
  } catch (error) {
    throw query.failed(error);
  }
}

interface RawQuery {
  getQuery(): { sql: string; params: unknown[]; method: Method };
}

export interface Batchable {
  _prepare(): AsyncQuery | RawQuery;
}

/** A handle on one transaction, dead when its callback has settled; nested ones are savepoints. */
export class AsyncTransaction<
  TFullSchema extends Record<string, unknown> = Record<string, unknown>,
  TSchema extends TablesRelationalConfig = TablesRelationalConfig,
> extends SQLiteTransaction<'async', DrizzleRunResult, TFullSchema, TSchema> {
  static {
    Object.assign(AsyncTransaction.prototype, entryPoints);
  }

  static override readonly [entityKind]: string = 'DosqlTransaction';

  /** @internal */
  constructor(session: AsyncSession) {
    super('async', session.options.dialect, session as never, undefined as never);
    attach(this, session);
  }
}
