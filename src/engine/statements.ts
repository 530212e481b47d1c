import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';
import { hotOnly, isMoved, loadForeign, type Ready, withForeign } from './foreign.ts';
import type { IntegerMode } from './integers.ts';
import { iterateRows } from './iterate.ts';
import { observed } from './observe.ts';
import { factoryFor, type Plan } from './plan.ts';
import type { QueryEvent, QueryResult, RunResult } from './result.ts';
import { enter, enterSync, type Scope } from './scope.ts';
import { rolledBack, SyncTransaction } from './sync-transaction.ts';
import { runTransaction, type TransactionOptions, type TransactionScope } from './transaction.ts';
import { encodeParams, type Params, type Row, type SqlValue, type SqlValueInput } from './values.ts';

export interface QueryOptions {
  /** How integers beyond ±(2^53-1) arrive; default: the database's setting. */
  integers?: IntegerMode;
  /** `'values'`: each row is an array in column order, so that equal column names lose nothing. Default `'object'`. */
  rows?: 'object' | 'values';
  /** Rows of tiered tables: those in the object, or all (default). */
  tier?: 'hot' | 'all';
}

/** One statement of a batch. */
export type BatchItem = string | readonly [sql: string, params?: Params];

/** What all handles of one Database share. */
export interface Settings {
  readonly integers: IntegerMode;
  readonly onQuery?: ((event: QueryEvent) => void) | undefined;
  readonly captureParams?: boolean | undefined;
  /** Which rows of tiered tables the handle sees; default `'all'`. */
  readonly tier?: 'hot' | 'all' | undefined;
}

/** Statements on a scope: what a Database and a Transaction have in common. */
export class Statements {
  /** @internal */
  readonly scope: Scope;
  /** @internal */
  readonly settings: Settings;

  /** @internal */
  constructor(scope: Scope, settings: Settings) {
    this.scope = scope;
    this.settings = settings;
  }

  /** Runs one statement and returns its rows. Several statements in one text run as one transaction. @throws DosqlError */
  async query<T = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<QueryResult<T>> {
    const { scope } = this;
    const plan = scope.engine.plan(sql);
    if (plan.foreign || scope.blocked) return this.#later<T>(plan, params, options);
    scope.check();
    return this.#query<T>(plan, params, options);
  }

  /** {@link query} without a promise. @throws DATABASE_BUSY while an asynchronous transaction runs, NEEDS_ASYNC */
  querySync<T = Row>(sql: string, params?: Params, options?: QueryOptions): QueryResult<T> {
    enterSync(this.scope);
    return this.#query<T>(this.scope.engine.plan(sql), params, options);
  }

  /** Runs one statement and also tells how many rows it changed. @throws DosqlError */
  async run<T = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<RunResult<T>> {
    const { scope } = this;
    const plan = scope.engine.plan(sql);
    if (plan.foreign || scope.blocked) return this.#later<T>(plan, params, options, true) as never;
    scope.check();
    return this.#run<T>(plan, params, options);
  }

  /** {@link run} without a promise. @throws DATABASE_BUSY while an asynchronous transaction runs, NEEDS_ASYNC */
  runSync<T = Row>(sql: string, params?: Params, options?: QueryOptions): RunResult<T> {
    enterSync(this.scope);
    return this.#run<T>(this.scope.engine.plan(sql), params, options);
  }

  /** Tagged template: every `${value}` is bound, never spliced. Returns the rows. @throws DosqlError */
  async sql<T = Row>(strings: TemplateStringsArray, ...values: SqlValueInput[]): Promise<T[]> {
    return (await this.query<T>(strings.join('?'), values)).rows;
  }

  /** Runs statements in order, in one transaction: all or none. @throws DosqlError */
  async batch(statements: readonly BatchItem[]): Promise<RunResult[]> {
    return this.#together(
      statements.map((item) => (Array.isArray(item) ? item : [item])) as never,
      true,
    ) as Promise<RunResult[]>;
  }

  /** Streams rows with bounded memory. Read it to its end: an open cursor locks its tables against DDL. @throws DosqlError */
  iterate<T = Row>(sql: string, params?: Params, options?: QueryOptions): IterableIterator<T> {
    enterSync(this.scope);
    const { engine } = this.scope;
    const known = engine.plan(sql);
    const plan = known.foreign && this.#tier(options) === 'hot' ? hotOnly(known) : known;
    const values = encodeParams(plan.statement, params);
    return iterateRows(
      engine,
      this.scope,
      plan,
      values,
      options?.integers ?? this.settings.integers,
      options?.rows,
    ) as IterableIterator<T>;
  }

  /**
   * Runs `fn` in a transaction that spans its awaits: when it throws, nothing it wrote remains. Nested calls are
   * savepoints. Never await a timer inside. It costs about 13 times a synchronous one: prefer {@link batch}.
   * @throws TRANSACTION_TIMEOUT, TRANSACTION_STALLED, USE_TRANSACTION_HANDLE, or what `fn` throws
   */
  transaction<T>(fn: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return runTransaction(this.scope, async (scope) => fn(new Transaction(scope, this.settings)), options);
  }

  /** Runs `fn` in a synchronous transaction. @throws ASYNC_IN_SYNC_TRANSACTION (rolled back) when it returns a promise */
  transactionSync<T>(fn: (tx: SyncTransaction) => T): T {
    enterSync(this.scope);
    const tx = new SyncTransaction(this);
    try {
      return this.scope.engine.transactionSync(() => fn(tx));
    } finally {
      tx.close();
    }
  }

  /** A call that has to wait: for its turn, or for rows from outside. */
  async #later<T>(
    plan: Plan,
    params?: Params,
    options?: QueryOptions,
    changes?: true,
  ): Promise<QueryResult<T>> {
    const { scope } = this;
    const { engine } = scope;
    // While it waits the schema may change, and with it the plan.
    if (!plan.foreign)
      return enter(scope, () => this.#query<T>(engine.plan(plan.sql), params, options, changes));
    const values = encodeParams(plan.statement, params);
    if (plan.parts && values.length === 0) {
      const items = plan.parts.map(({ sql }) => [sql] as const);
      const results = await this.#together<QueryResult<T>>(items, changes, options);
      return results[results.length - 1] as QueryResult<T>;
    }
    return withForeign(scope, plan, values, { tier: this.#tier(options) }, (ready) =>
      this.#query<T>(plan, params, options, changes, ready),
    );
  }

  /** Several statements in one transaction; what they need from outside is loaded before it. */
  async #together<T>(
    items: readonly (readonly [sql: string, params?: Params])[],
    changes: true | undefined,
    options?: QueryOptions,
  ): Promise<T[]> {
    const { scope } = this;
    const { engine } = scope;
    const ready: (Ready | undefined)[] = [];
    for (const [index, [sql, params]] of items.entries()) {
      const plan = engine.plan(sql);
      if (plan.foreign) {
        scope.check();
        ready[index] = await loadForeign(plan, encodeParams(plan.statement, params), {
          scope,
          tier: this.#tier(options),
        });
      }
    }
    const one = ([sql, params]: (typeof items)[number], index: number) =>
      this.#query(engine.plan(sql), params, options, changes, ready[index]) as T;
    try {
      return await enter(scope, () => engine.transactionSync(() => items.map(one)));
    } catch (error) {
      if (!isMoved(error)) throw error;
    }
    // Others moved the rows, or a statement before: each must load after the one before it has run.
    return this.transaction(async (tx) => {
      const results: T[] = [];
      for (const [sql, params] of items)
        results.push((await (changes ? tx.run(sql, params, options) : tx.query(sql, params, options))) as T);
      return results;
    });
  }

  #tier(options: QueryOptions | undefined): 'hot' | 'all' | undefined {
    return options?.tier ?? this.settings.tier;
  }

  #query<T>(
    plan: Plan,
    params?: Params,
    options?: QueryOptions,
    changes?: true,
    ready?: Ready,
  ): QueryResult<T> {
    const { engine } = this.scope;
    const values = encodeParams(plan.statement, params);
    const mode = options?.integers ?? this.settings.integers;
    const used = ready?.plan ?? (plan.foreign && this.#tier(options) === 'hot' ? hotOnly(plan) : plan);
    const run = () => fetch(engine, used, ready?.values ?? values, mode, options?.rows, changes);
    const found = this.settings.onQuery ? observed(engine, this.settings, plan, values, run) : run();
    return found as QueryResult<T>;
  }

  #run<T>(plan: Plan, params?: Params, options?: QueryOptions): RunResult<T> {
    return this.#query<T>(plan, params, options, true) as RunResult<T>;
  }
}

/** `changes()` and `last_insert_rowid()` of the last write; to be read before the next one. */
export function lastChange(engine: Engine): { changes: number; lastInsertRowid: number | bigint } {
  const row = drain(engine.sql.exec('SELECT changes(), last_insert_rowid()'))[0] as [number, number];
  const { writes, chunkedChanges } = engine;
  const changes = chunkedChanges.writes === writes ? chunkedChanges.changes : row[0];
  if (Number.isSafeInteger(row[1])) return { changes, lastInsertRowid: row[1] };
  const [[text]] = drain(engine.sql.exec('SELECT CAST(last_insert_rowid() AS TEXT)')) as [[string]];
  return { changes, lastInsertRowid: BigInt(text) };
}

/** Runs a plan; with `run`, the result also tells what it changed. */
function fetch(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
  shape: QueryOptions['rows'],
  run: true | undefined,
): QueryResult<unknown> {
  const rows = engine.all(plan, values, mode);
  const names = engine.names;
  let out: unknown[] = rows;
  if (shape !== 'values') {
    const make = factoryFor(plan, names);
    out = new Array(rows.length);
    for (let i = 0; i < rows.length; i++) out[i] = make(rows[i] as unknown[]);
  }
  const { rowsRead, rowsWritten } = engine;
  const found = { rows: out, columns: names as string[], rowsRead, rowsWritten };
  if (!run) return found;
  const change = plan.statement.kind === 'write' ? lastChange(engine) : { changes: 0, lastInsertRowid: 0 };
  return Object.assign(found, change);
}

/** A handle on one asynchronous transaction; dead when its callback has settled. */
export class Transaction extends Statements {
  /** @internal */
  declare readonly scope: TransactionScope;

  /** Ends the transaction by throwing: everything it wrote is gone. @throws TRANSACTION_ROLLED_BACK */
  rollback(): never {
    throw rolledBack();
  }
}
