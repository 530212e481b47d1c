import type { QueryPromise } from 'drizzle-orm/query-promise';
import type { AsyncSession } from '../drizzle/async-session.ts';
import type { RelationalBuilder, SelectBuilder } from '../drizzle/internals.ts';
import type { Form, Method } from '../drizzle/query.ts';
import { Session } from '../drizzle/session.ts';
import type { Engine } from '../src/engine/engine.ts';
import { enter, RootScope, type Scope } from '../src/engine/scope.ts';
import { DosqlError } from '../src/errors/index.ts';
import { Commits } from './commits.ts';
import { type Diff, isEmpty, keyOf, nextResult, type Result } from './keyed-diff.ts';
import { reachOf } from './reach.ts';
import { keyColumns } from './result-key.ts';

export type { Diff } from './keyed-diff.ts';

/** What one row of a query's result is. */
export type RowOf<T> = T extends readonly (infer Row)[] ? Row : NonNullable<T>;

export interface LiveOptions<T> {
  /**
   * What identifies a row, where the primary keys of the tables that are read are not selected. Default: those keys, else
   * the whole row, which then is removed and added instead of changed.
   */
  key?: (row: RowOf<T>) => string | number;
  /** Told when the query or the callback fails; the query goes on. Without it, it ends and `done` rejects. */
  onError?: (error: unknown) => void;
}

export interface LiveQuery {
  /** Resolves when the callback has seen the first result. */
  readonly ready: Promise<void>;
  /** Resolves when the query was stopped; rejects with what ended it otherwise. */
  readonly done: Promise<void>;
  /** Resolves when the callback has seen what is committed now. For writes that did not go through a database handle. */
  refresh(): Promise<void>;
  /** No callback begins after this. */
  stop(): void;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Calls back with a query's result now, and again after commits that change it: writes to the tables it reads, also
 * through views, triggers and foreign keys, and schema changes. What one turn of the event loop commits is one call, the
 * next call waits for the callback's promise, and rows that stay equal stay the same objects. It lives in the memory of
 * this instance: subscribe anew in every constructor. Both the rows and their stored values are held meanwhile.
 * @throws INVALID_ARGUMENT for what is no select or relational query of a database (a transaction's cannot be live)
 */
export function live<T>(
  query: QueryPromise<T>,
  callback: (rows: T, diff: Diff<RowOf<T>>) => unknown,
  options: LiveOptions<T> = {},
): LiveQuery {
  const running = new Running<T>(query as unknown as Selecting, callback, options);
  // Who waits for `done` hears of it; two reports of one error would not help.
  running.ready.catch(() => {});
  return running;
}

type Selecting = SelectBuilder | RelationalBuilder;

/** A prepared query of either kind of driver, as far as it is used here. */
interface Runnable<Row> {
  readonly session: Session;
  readonly form: Form;
  readonly method: Method;
  valuesNow(): unknown[][];
  values(): Promise<unknown[][]> | unknown[][];
  mapAll(raws: unknown[][]): Row[];
  failed?(error: unknown): unknown;
}

class Running<T> implements LiveQuery {
  readonly ready: Promise<void>;
  readonly done: Promise<void>;
  readonly #query: Runnable<RowOf<T>>;
  readonly #keyOf: (raw: readonly unknown[]) => unknown;
  #result: Result<RowOf<T>> = new Map();
  #reach: ReadonlySet<string> | undefined;
  #waiters: Waiter[] = [];
  #stale = true;
  #first = true;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(
    query: Selecting,
    readonly callback: (rows: T, diff: Diff<RowOf<T>>) => unknown,
    readonly options: LiveOptions<T>,
  ) {
    this.#query = prepare(query);
    const { key } = options;
    if (key) this.#keyOf = (raw) => key(this.#decode([raw])[0] as RowOf<T>);
    else {
      const columns = keyColumns(query);
      this.#keyOf = (raw) => keyOf(columns ? columns.map((at) => raw[at]) : raw);
    }
    this.ready = this.refresh();
    this.done = this.#run();
  }

  refresh(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) resolve();
      else this.#waiters.push({ resolve, reject });
      this.#again();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  #again(): void {
    this.#stale = true;
    this.#wake?.();
  }

  /** A loop of its own, so that a run is never part of the transaction whose commit asked for it. */
  async #run(): Promise<void> {
    let unlisten: (() => void) | undefined;
    try {
      const { session } = this.#query;
      const { scope } = session.handle ?? (await (session as AsyncSession).open());
      const commits = Commits.of(scope.engine);
      unlisten = commits.listen((tables) => {
        if (!tables) this.#reach = undefined;
        if (!tables || !this.#reach || meet(tables, this.#reach)) this.#again();
      });
      while (!this.#stopped) {
        await this.#turn(scope, commits);
        if (this.#stale || this.#stopped) continue;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        // A macrotask: what a request writes between its awaits is one change.
        if (!this.#stopped) await scheduler.wait(0);
      }
      for (const { resolve } of this.#waiters) resolve();
    } finally {
      this.#stopped = true;
      this.#waiters = [];
      unlisten?.();
    }
  }

  async #turn(scope: Scope, commits: Commits): Promise<void> {
    let waiters: Waiter[] | undefined;
    const start = () => {
      waiters = this.#waiters;
      this.#waiters = [];
      this.#stale = false;
      return waiters;
    };
    try {
      const raws = await enter(scope, () => {
        start();
        return this.#read(scope.engine, commits);
      });
      // Rows from outside the object come later: a commit meanwhile makes it read again.
      await this.#tell(raws ?? (await this.#query.values()));
      for (const { resolve } of waiters ?? []) resolve();
    } catch (error) {
      // Not started yet where the scope refused it.
      for (const { reject } of waiters ?? start()) reject(error);
      const { onError } = this.options;
      if (!onError) throw error;
      onError(error);
    }
  }

  /** Nothing where the query needs rows from outside the object, which cannot be read in one turn. */
  #read(engine: Engine, commits: Commits): unknown[][] | undefined {
    const query = this.#query;
    try {
      this.#reach ??= reachOf(commits.influences, this.#tables(engine));
      return engine.plan(query.form.sql).foreign ? undefined : query.valuesNow();
    } catch (error) {
      throw query.failed?.(error) ?? error;
    }
  }

  async #tell(raws: unknown[][]): Promise<void> {
    if (this.#stopped) return;
    const { result, diff } = nextResult(this.#result, raws, this.#keyOf, (fresh) => this.#decode(fresh));
    this.#result = result;
    if (isEmpty(diff) && !this.#first) return;
    this.#first = false;
    const rows = Array.from(result.values(), ({ row }) => row);
    await this.callback((this.#query.method === 'get' ? rows[0] : rows) as T, diff);
  }

  /** Decoding takes place in the arrays that it is given. */
  #decode(raws: readonly (readonly unknown[])[]): RowOf<T>[] {
    return this.#query.mapAll(raws.map((raw) => raw.slice()));
  }

  #tables(engine: Engine): string[] {
    const { tables } = engine.plan(this.#query.form.sql).statement;
    return tables.filter(({ cte }) => !cte).map(({ name }) => name.toLowerCase());
  }
}

/** @throws INVALID_ARGUMENT */
function prepare<Row>(query: Selecting): Runnable<Row> {
  const selects = query instanceof Object && ('tableConfig' in query || 'usedTables' in query);
  if (selects && query.session instanceof Session) {
    const { handle } = query.session;
    if (!handle || handle.scope instanceof RootScope) return query._prepare() as unknown as Runnable<Row>;
  }
  throw new DosqlError(
    'INVALID_ARGUMENT',
    'live(query, callback) needs a query that is not awaited: db.select()… or db.query.table.findMany(…), of the database and not of a transaction.',
  );
}

function meet(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  for (const one of some) if (others.has(one)) return true;
  return false;
}
