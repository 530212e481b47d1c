import { DrizzleQueryError, entityKind, type TablesRelationalConfig } from 'drizzle-orm';
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types';
import { SQLiteTransaction } from 'drizzle-orm/sqlite-core';
import { isMoved, loadForeign, type Ready, withForeign } from '../src/engine/foreign.ts';
import { enter, type Scope } from '../src/engine/scope.ts';
import { runTransaction } from '../src/engine/transaction.ts';
import { DosqlError } from '../src/errors/index.ts';
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
    try {
      const scope = session.handle?.scope;
      if (
        scope === undefined ||
        scope.blocked ||
        session.cache !== undefined ||
        (scope.engine.loads && planOf(scope.engine, this.#form(work === this.getNow)).foreign)
      ) {
        return await this.#wait(work, placeholders);
      }
      scope.check();
      return work.call(this, placeholders);
    } catch (error) {
      throw this.failed(error, placeholders);
    }
  }

  async #wait(work: Work, placeholders: Placeholders): Promise<unknown> {
    const { scope } = await this.session.open();
    const { metadata, session } = this;
    const first = work === this.getNow;
    const form = this.#form(first);
    const run = () => this.#turn(scope, form, placeholders, () => work.call(this, placeholders));
    if (!session.cache || !metadata) return run();
    if (metadata.type !== 'select') {
      const result = await run();
      await session.wrote(metadata.tables);
      return result;
    }
    const key = this.bind(placeholders).map(keyPart);
    if (!first && work !== this.allNow) return this.queryWithCache(form.sql, key, run);
    // Rows are cached as they come: a cache that keeps JSON would lose what decoding makes of them.
    const rows = await this.queryWithCache(form.sql, key, () =>
      this.#turn(scope, form, placeholders, () => this.raw(form, placeholders, 'string')),
    );
    const all = this.mapAll(rows.map((row) => row.slice()));
    return first ? all[0] : all;
  }

  /** The form for all rows, or for the first. */
  #form(first: boolean): Form {
    const { form } = this;
    return (first && form.first) || form;
  }

  /** Runs when the scope's turn comes, with the rows it needs from outside. */
  async #turn<T>(scope: Scope, form: Form, placeholders: Placeholders, run: () => T): Promise<T> {
    const plan = planOf(scope.engine, form);
    if (!plan.foreign) return enter(scope, run);
    return withForeign(scope, plan, this.bind(placeholders), this.session.settings, (ready) =>
      this.with(ready, run),
    );
  }

  /** Runs with rows from outside. */
  with<T>(ready: Ready | undefined, run: () => T): T {
    this.ready = ready;
    try {
      return run();
    } finally {
      this.ready = undefined;
    }
  }

  /** What a batch needs loaded before it starts. */
  async load(scope: Scope, placeholders: Placeholders): Promise<Ready | undefined> {
    try {
      const plan = planOf(scope.engine, this.#form(this.method === 'get'));
      if (!plan.foreign) return undefined;
      return await loadForeign(plan, this.bind(placeholders), { ...this.session.settings, scope });
    } catch (error) {
      throw this.failed(error, placeholders);
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

/** JSON, of which cache keys are made, has no bigint and sees no bytes in an ArrayBuffer. */
function keyPart(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}

export class AsyncSession extends Session {
  static override readonly [entityKind]: string = 'DosqlAsyncSession';
  readonly kind = 'async';

  /**
   * @param connection what opens the handle; a transaction has its own handle instead
   * @param written the tables that a transaction wrote
   */
  constructor(
    options: Options,
    handle: Handle | undefined,
    readonly connection?: Connection,
    readonly written?: Set<string>,
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
    const written = this.written ?? new Set();
    const result = await runTransaction(scope, async (inner) =>
      work(
        new AsyncTransaction(new AsyncSession(this.options, { scope: inner, settings }, undefined, written)),
      ),
    );
    await this.wrote([...written]);
    return result;
  }

  /** The cache forgets what is written, once others could read it anew: a transaction's tables when it commits. */
  async wrote(tables: string[]): Promise<void> {
    if (this.written) for (const table of tables) this.written.add(table);
    else if (tables.length > 0) await this.cache?.onMutate({ tables });
  }

  /** Runs queries in order, in one transaction: all or none. */
  async batch(items: readonly Batchable[]): Promise<unknown[]> {
    const { scope } = this.handle ?? (await this.open());
    const steps: Step[] = [];
    for (const item of items) steps.push(this.#step(item));
    const results = await this.#together(scope, steps);
    await this.wrote(
      steps.flatMap(({ query: { metadata } }) =>
        metadata?.type === 'select' ? [] : (metadata?.tables ?? []),
      ),
    );
    return results;
  }

  async #together(scope: Scope, steps: readonly Step[]): Promise<unknown[]> {
    const { engine } = scope;
    const ready: (Ready | undefined)[] = [];
    if (engine.loads)
      for (const { query, placeholders } of steps) ready.push(await query.load(scope, placeholders));
    const one = (step: Step, index: number) =>
      ready[index] ? step.query.with(ready[index], () => runNow(step)) : runNow(step);
    const work = () => engine.transactionSync(() => steps.map(one));
    try {
      return scope.blocked ? await enter(scope, work) : work();
    } catch (error) {
      if (!isMoved((error as Error).cause)) throw error;
    }
    // Others moved the rows, or a query before: each must load after the one before it has run.
    return this.transaction(async (tx) => {
      const { session } = tx as unknown as { session: AsyncSession };
      const results: unknown[] = [];
      for (const { query, placeholders } of steps) {
        const { form, params, method, metadata } = query;
        results.push(await session.query(form, params, method, metadata).execute(placeholders));
      }
      return results;
    });
  }

  /** @throws INVALID_ARGUMENT for what is no query, is one of another database, or was prepared elsewhere */
  #step(item: Batchable): Step {
    const [given, placeholders] = Array.isArray(item)
      ? (item as PreparedStep)
      : [item as Buildable | AsyncQuery];
    const prepared = given instanceof AsyncQuery;
    if (prepared || typeof given?._prepare === 'function') {
      const query = prepared ? given : this.#prepare(given._prepare());
      const { session } = query;
      // What was built elsewhere may run here, where that is the same database.
      if (session === this || (!prepared && session.handle?.scope.engine === this.engine))
        return { query, placeholders };
    }
    throw new DosqlError(
      'INVALID_ARGUMENT',
      'A batch takes queries of its own database that are not awaited, and what was prepared on it.',
    );
  }

  /** `db.run(sql…)` and its like are no prepared queries, but tell what they would run. */
  #prepare(query: AsyncQuery | RawQuery): AsyncQuery {
    if (query instanceof AsyncQuery) return query;
    const { sql, params, method } = query.getQuery();
    return this.query({ sql }, params, method);
  }
}

/** A query of a batch with the values of its placeholders. */
interface Step {
  readonly query: AsyncQuery;
  readonly placeholders: Placeholders;
}

function runNow({ query, placeholders }: Step): unknown {
  try {
    // It may have been built on a transaction.
    query.session.handle?.scope.check();
    return query.now(placeholders);
  } catch (error) {
    throw query.failed(error, placeholders);
  }
}

interface RawQuery {
  getQuery(): { sql: string; params: unknown[]; method: Method };
}

interface Buildable {
  _prepare(): AsyncQuery | RawQuery;
}

type PreparedStep = readonly [query: AsyncQuery, placeholders?: Placeholders];

/** A query that was built, a prepared one, or a prepared one with the values of its placeholders. */
export type Batchable = Buildable | AsyncQuery | PreparedStep;

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
