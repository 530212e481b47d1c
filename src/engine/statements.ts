import { DosqlError } from '../errors/index.ts';
import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';
import type { IntegerMode } from './integers.ts';
import { iterateRows } from './iterate.ts';
import { observed } from './observe.ts';
import { factoryFor, type Plan } from './plan.ts';
import type { QueryEvent, QueryResult, RunResult } from './result.ts';
import { enter, enterSync, type Scope } from './scope.ts';
import { runTransaction, type TransactionOptions, type TransactionScope } from './transaction.ts';
import { encodeParams, type Params, type Row, type SqlValue, type SqlValueInput } from './values.ts';

export interface QueryOptions {
  /** How integers beyond ±(2^53-1) arrive; default: the database's setting. */
  integers?: IntegerMode;
  /** `'values'`: each row is an array in column order, so that equal column names lose nothing. Default `'object'`. */
  rows?: 'object' | 'values';
}

/** One statement of a batch. */
export type BatchItem = string | readonly [sql: string, params?: Params];

/** What all handles of one Database share. */
export interface Settings {
  readonly integers: IntegerMode;
  readonly onQuery?: ((event: QueryEvent) => void) | undefined;
  readonly captureParams?: boolean | undefined;
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
    if (this.scope.blocked) return enter(this.scope, () => this.#query<T>(sql, params, options));
    this.scope.check();
    return this.#query<T>(sql, params, options);
  }

  /** {@link query} without a promise. @throws DATABASE_BUSY while an asynchronous transaction runs, NEEDS_ASYNC */
  querySync<T = Row>(sql: string, params?: Params, options?: QueryOptions): QueryResult<T> {
    enterSync(this.scope);
    return this.#query<T>(sql, params, options);
  }

  /** Runs one statement and also tells how many rows it changed. @throws DosqlError */
  async run<T = Row>(sql: string, params?: Params, options?: QueryOptions): Promise<RunResult<T>> {
    if (this.scope.blocked) return enter(this.scope, () => this.#run<T>(sql, params, options));
    this.scope.check();
    return this.#run<T>(sql, params, options);
  }

  /** {@link run} without a promise. @throws DATABASE_BUSY while an asynchronous transaction runs, NEEDS_ASYNC */
  runSync<T = Row>(sql: string, params?: Params, options?: QueryOptions): RunResult<T> {
    enterSync(this.scope);
    return this.#run<T>(sql, params, options);
  }

  /** Tagged template: every `${value}` is bound, never spliced. Returns the rows. @throws DosqlError */
  async sql<T = Row>(strings: TemplateStringsArray, ...values: SqlValueInput[]): Promise<T[]> {
    return (await this.query<T>(strings.join('?'), values)).rows;
  }

  /** Runs statements in order, in one transaction: all or none. @throws DosqlError */
  async batch(statements: readonly BatchItem[]): Promise<RunResult[]> {
    return enter(this.scope, () => this.#batch(statements));
  }

  /** Streams rows with bounded memory. Read it to its end: an open cursor locks its tables against DDL. @throws DosqlError */
  iterate<T = Row>(sql: string, params?: Params, options?: QueryOptions): IterableIterator<T> {
    enterSync(this.scope);
    const { engine } = this.scope;
    const plan = engine.plan(sql);
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

  #batch(statements: readonly BatchItem[]): RunResult[] {
    return this.scope.engine.transactionSync(() =>
      statements.map((item) =>
        Array.isArray(item) ? this.#run(item[0], item[1]) : this.#run(item as string),
      ),
    );
  }

  #query<T>(sql: string, params?: Params, options?: QueryOptions, changes?: true): QueryResult<T> {
    const { engine } = this.scope;
    const plan = engine.plan(sql);
    const values = encodeParams(plan.statement, params);
    const mode = options?.integers ?? this.settings.integers;
    const run = () => fetch(engine, plan, values, mode, options?.rows, changes);
    const found = this.settings.onQuery ? observed(engine, this.settings, plan, values, run) : run();
    return found as QueryResult<T>;
  }

  #run<T>(sql: string, params?: Params, options?: QueryOptions): RunResult<T> {
    return this.#query<T>(sql, params, options, true) as RunResult<T>;
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

/** A handle on one synchronous transaction; dead when its callback has returned. Nested ones are savepoints. */
export class SyncTransaction {
  #statements: Statements | undefined;

  /** @internal */
  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** @internal */
  close(): void {
    this.#statements = undefined;
  }

  /** @see Statements.querySync */
  query<T = Row>(sql: string, params?: Params, options?: QueryOptions): QueryResult<T> {
    return this.#open().querySync<T>(sql, params, options);
  }

  /** @see Statements.runSync */
  run<T = Row>(sql: string, params?: Params, options?: QueryOptions): RunResult<T> {
    return this.#open().runSync<T>(sql, params, options);
  }

  /** @see Statements.transactionSync */
  transaction<T>(fn: (tx: SyncTransaction) => T): T {
    return this.#open().transactionSync(fn);
  }

  /** Ends the transaction by throwing: everything it wrote is gone. @throws TRANSACTION_ROLLED_BACK */
  rollback(): never {
    throw rolledBack();
  }

  #open(): Statements {
    if (!this.#statements)
      throw new DosqlError(
        'TRANSACTION_CLOSED',
        'This transaction has ended; its handle cannot be used any more.',
      );
    return this.#statements;
  }
}

function rolledBack(): DosqlError {
  return new DosqlError('TRANSACTION_ROLLED_BACK', 'The transaction was rolled back by its callback.');
}
