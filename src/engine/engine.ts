import { DosqlError, fromSqlite } from '../errors/index.ts';
import { BoundedCache } from '../sql/cache.ts';
import type { Statement } from '../sql/types.ts';
import type { MaintenanceOptions, Rewrite } from './extension.ts';
import { exactQuery, exactReturning, type IntegerMode, isSuspect, restoreIntegers, unreadable } from './integers.ts';
import { Lock } from './lock.ts';
import { runOversize } from './oversize.ts';
import { makePlan, type Plan } from './plan.ts';
import { checkDeferred, Pragmas } from './pragmas.ts';
import { decodeRows, integerVariant, type SqlValue } from './values.ts';

const ENGINES = new WeakMap<DurableObjectStorage, Engine>();
const PLANS = 512;

/**
 * The one engine in front of a DurableObjectStorage: plans, lock, pragmas and counters are shared by every Database
 * and Drizzle handle on it. Everything here is synchronous; who may call when is decided by the scopes above.
 */
export class Engine {
  readonly sql: SqlStorage;
  readonly lock = new Lock();
  readonly pragmas: Pragmas;
  readonly planHooks: ((statement: Statement) => Rewrite | undefined)[] = [];
  readonly schemaHooks: ((statement: Statement) => void)[] = [];
  readonly commitHooks: ((tables: ReadonlySet<string>) => void)[] = [];
  readonly maintenanceHooks = new Map<string, (options: MaintenanceOptions) => unknown>();
  readonly flushHooks: (() => Promise<void>)[] = [];
  readonly internal = new Set<string>(['__miniflare_do_name', '_cf_kv']);
  /** Nesting depth of transactions; 0 outside. */
  depth = 0;
  /** The current run of back-to-back asynchronous transactions, in milliseconds since the epoch. */
  readonly streak = { length: 0, start: 0, end: 0 };
  /** Counts write statements: a result that reads `changes()` late can see that another write came between. */
  writes = 0;
  /** Row counts of the last statement; valid until the next one. */
  rowsRead = 0;
  rowsWritten = 0;
  /** Column names of the last statement. */
  names: readonly string[] = [];
  readonly #plans = new BoundedCache<string, Plan>(PLANS);
  #touched = new Set<string>();
  #deferred: boolean | undefined;

  /** The engine of this storage; always the same one. */
  static of(storage: DurableObjectStorage): Engine {
    let engine = ENGINES.get(storage);
    if (!engine) ENGINES.set(storage, (engine = new Engine(storage)));
    return engine;
  }

  private constructor(readonly storage: DurableObjectStorage) {
    this.sql = storage.sql;
    this.pragmas = new Pragmas(this);
  }

  /** The plan for an SQL text; one cache look-up when it is known. */
  plan(sql: string): Plan {
    let plan = this.#plans.get(sql);
    if (plan === undefined) {
      if (typeof sql !== 'string') throw new DosqlError('INVALID_ARGUMENT', `SQL text must be a string, not ${typeof sql}.`);
      plan = makePlan(sql, this.planHooks);
      this.#plans.set(sql, plan);
    }
    return plan;
  }

  /** Forgets every plan: a new extension sees all SQL texts again. */
  clearPlans(): void {
    this.#plans.clear();
  }

  /** All rows as arrays, BLOBs as Uint8Array, integers by `mode`. @throws DosqlError */
  all(plan: Plan, values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
    if (!plan.plain) return this.#special(plan, values, mode);
    if (!plan.reads) return this.#write(plan, values, mode);
    const rows = this.exec(plan.sql, plan, values);
    if (decodeRows(rows) && mode !== 'number') this.#restore(plan, values, rows, mode);
    return rows;
  }

  /** Runs for effect; at the price of one `sql.exec` for a plain write. @throws DosqlError */
  run(plan: Plan, values: readonly SqlValue[]): void {
    if (!plan.plain || plan.reads || this.#watched()) {
      this.all(plan, values, 'number');
      return;
    }
    try {
      const cursor = this.sql.exec(plan.sql, ...values);
      this.writes++;
      this.rowsWritten = cursor.rowsWritten;
      this.rowsRead = cursor.rowsRead;
    } catch (error) {
      this.#retryExact(error, plan, values);
      this.writes++;
    }
  }

  /** One `sql.exec`, drained: an open cursor would lock its table against DDL. Raw values. @throws DosqlError */
  exec(sql: string, plan: Plan, values: readonly SqlValue[]): unknown[][] {
    let rows: unknown[][];
    try {
      const cursor = this.sql.exec(sql, ...values);
      rows = cursor.raw().toArray() as unknown[][];
      this.names = cursor.columnNames;
      this.rowsRead = cursor.rowsRead;
      this.rowsWritten = cursor.rowsWritten;
    } catch (error) {
      return this.#retryExact(error, plan, values);
    }
    return rows;
  }

  /**
   * Runs `work` in a synchronous transaction (a savepoint inside another one): everything it wrote is gone when it
   * throws. @throws ASYNC_IN_SYNC_TRANSACTION when it returns a promise, FOREIGN_KEY_VIOLATION for a deferred key
   */
  transactionSync<T>(work: () => T): T {
    const outermost = this.depth === 0;
    if (outermost) this.pragmas.assert();
    this.depth++;
    try {
      const result = this.storage.transactionSync(() => {
        const result = work();
        if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
          // The platform would commit here and let the rest of the callback run outside the transaction.
          (result as unknown as Promise<unknown>).then(undefined, () => {});
          throw new DosqlError(
            'ASYNC_IN_SYNC_TRANSACTION',
            'The callback of a synchronous transaction returned a promise; it was rolled back. Use db.transaction(async (tx) => …), or make the callback synchronous.',
          );
        }
        if (outermost) this.beforeCommit();
        return result;
      });
      if (outermost) this.committed();
      return result;
    } catch (error) {
      if (outermost) this.rolledBack();
      throw error;
    } finally {
      this.depth--;
    }
  }

  /** Last check inside an outermost transaction. @throws FOREIGN_KEY_VIOLATION */
  beforeCommit(): void {
    // workerd: a deferred foreign key that is violated at commit resets the whole object.
    if (this.deferred() || this.pragmas.deferForeignKeys) checkDeferred(this);
  }

  /** Tells listeners what an outermost transaction (or a single statement) wrote. */
  committed(): void {
    this.pragmas.deferForeignKeys = false;
    if (this.#touched.size === 0) return;
    const tables = this.#touched;
    this.#touched = new Set();
    for (const hook of this.commitHooks) hook(tables);
  }

  rolledBack(): void {
    this.pragmas.deferForeignKeys = false;
    this.#touched.clear();
  }

  /** True when the schema declares a deferrable foreign key. Read once, and again after DDL. */
  deferred(): boolean {
    this.#deferred ??=
      this.sql.exec("SELECT 1 FROM sqlite_master WHERE type='table' AND sql LIKE '%deferred%' LIMIT 1").raw().toArray().length > 0;
    return this.#deferred;
  }

  /** To be called after DDL that did not pass through {@link all}. */
  schemaChanged(statement: Statement): void {
    this.#deferred = undefined;
    for (const hook of this.schemaHooks) hook(statement);
  }

  /** Notes the tables a write names, for {@link committed}. */
  touch(plan: Plan): void {
    this.writes++;
    if (this.commitHooks.length === 0) return;
    for (const table of plan.statement.tables) {
      if (table.role === 'write') this.#touched.add(table.name.toLowerCase());
    }
  }

  /** The write path needs more than `sql.exec`: someone listens, or a deferred key must be checked. */
  #watched(): boolean {
    return this.commitHooks.length > 0 || (this.depth === 0 && this.deferred());
  }

  #write(plan: Plan, values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
    if (!plan.statement.returning) return this.#commit(plan, () => this.exec(plan.sql, plan, values));
    // A rounded integer is found only when the row is there, so the statement must be undoable by then.
    if (mode === 'number' || (plan.returnsInput && mode === 'throw' && values.every(isSafeInput))) {
      return this.#commit(plan, () => this.#decoded(plan, values, mode));
    }
    let names: readonly string[] | undefined;
    const again = new Error();
    try {
      return this.transactionSync(() => {
        this.touch(plan);
        const rows = this.exec(plan.sql, plan, values);
        if (!decodeRows(rows)) return rows;
        names = this.names;
        throw again;
      });
    } catch (error) {
      if (error !== again) throw error;
    }
    return this.transactionSync(() => this.#returningExact(plan, values, names as string[], mode));
  }

  /** Runs a write; its own transaction when it has something to check. */
  #commit<T>(plan: Plan, work: () => T): T {
    if (this.depth > 0 || !this.#watched()) {
      const result = work();
      this.touch(plan);
      return result;
    }
    return this.transactionSync(() => {
      this.touch(plan);
      return work();
    });
  }

  #decoded(plan: Plan, values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
    const rows = this.exec(plan.sql, plan, values);
    if (decodeRows(rows) && mode !== 'number') throw unreadable(this.names, plan.sql);
    return rows;
  }

  #returningExact(plan: Plan, values: readonly SqlValue[], names: readonly string[], mode: IntegerMode): unknown[][] {
    this.touch(plan);
    const wide = this.exec(exactReturning(plan.sql, names), plan, values);
    const rows = wide.map((row) => row.slice(0, names.length));
    const exact = wide.map((row) => row.slice(names.length));
    decodeRows(rows);
    this.names = names;
    restoreIntegers(rows, exact, names, mode, plan.sql);
    return rows;
  }

  /** Reads a result again as text where it may be rounded. */
  #restore(plan: Plan, values: readonly SqlValue[], rows: unknown[][], mode: IntegerMode): void {
    const { names, rowsRead, rowsWritten } = this;
    if (!rows.some((row) => row.some(isSuspect))) return;
    const bound = values.some((value) => typeof value === 'bigint') ? integerVariant(plan.statement, values) : { sql: plan.sql, values };
    const exact = this.exec(exactQuery(bound.sql, names.length), plan, bound.values);
    restoreIntegers(rows, exact, names, mode, plan.sql);
    this.names = names;
    this.rowsRead = rowsRead;
    this.rowsWritten = rowsWritten;
  }

  /** After a failed `exec`: BigInt values are refused by the binding, before anything ran, so bind them exactly. */
  #retryExact(error: unknown, plan: Plan, values: readonly SqlValue[]): unknown[][] {
    if (plan.parts === undefined && values.some((value) => typeof value === 'bigint')) {
      const { sql, values: bound } = integerVariant(plan.statement, values);
      return this.exec(sql, plan, bound);
    }
    throw this.mapError(error, plan, values);
  }

  /** The DosqlError for a failed statement. */
  mapError(error: unknown, plan: Plan, values: readonly SqlValue[]): DosqlError {
    const { sql, statement } = plan;
    if (/\bFOR\s+SYSTEM_TIME\b/i.test(sql)) return missingFeature('FOR SYSTEM_TIME', 'timeTravel', 'history', sql, error);
    if (statement.tables.some((table) => table.string && table.name.includes('://'))) {
      return missingFeature('A URL in table position', 'virtualTables', 'virtual', sql, error);
    }
    return fromSqlite(error, sql, { expected: statement.parameterCount, given: values.length });
  }

  /** Everything that is not one plain read or write. */
  #special(plan: Plan, values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
    if (plan.refusal) throw plan.refusal();
    if (plan.parts) return this.#several(plan, plan.parts, values, mode);
    if (plan.rewrites.length > 0) return this.#rewritten(plan, values, mode);
    if (plan.oversize) return runOversize(this, plan, values, mode);
    const { kind } = plan.statement;
    if (kind === 'pragma') this.pragmas.before(plan.statement);
    const rows = this.exec(plan.sql, plan, values);
    decodeRows(rows);
    if (kind === 'pragma') this.pragmas.after(plan.statement);
    else this.schemaChanged(plan.statement);
    return rows;
  }

  /** `a; b; c` in one transaction: the platform would keep `a` when `b` fails, and bind values to the last one only. */
  #several(plan: Plan, parts: readonly Plan[], values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
    if (values.length > 0) {
      throw new DosqlError('MULTIPLE_STATEMENTS', 'Parameters need a single statement; use db.batch for several.', { statement: plan.sql });
    }
    return this.transactionSync(() => {
      let rows: unknown[][] = [];
      for (const part of parts) rows = this.all(part, values, mode);
      return rows;
    });
  }

  #rewritten(plan: Plan, values: readonly SqlValue[], mode: IntegerMode): unknown[][] {
    let { sql } = plan;
    let bound: unknown[] | readonly SqlValue[] = values;
    let run = () => {
      const rows = this.exec(sql, plan, bound as SqlValue[]);
      if (decodeRows(rows) && mode !== 'number') this.#restore({ ...plan, sql }, bound as SqlValue[], rows, mode);
      return rows;
    };
    for (const rewrite of plan.rewrites) {
      sql = rewrite.sql ?? sql;
      const next = rewrite.bind?.(bound);
      if (next instanceof Promise) {
        throw new DosqlError('NEEDS_ASYNC', 'This statement reads rows from outside the object; use the asynchronous API.', { statement: plan.sql });
      }
      bound = next ?? bound;
      const inner = run;
      const { around } = rewrite;
      if (around) run = () => around(inner);
    }
    return plan.reads ? run() : this.#commit(plan, run);
  }
}

function isSafeInput(value: SqlValue): boolean {
  if (typeof value === 'string') return value.length < 16;
  return typeof value !== 'bigint' && !isSuspect(value);
}

function missingFeature(what: string, factory: string, module: string, statement: string, cause: unknown): DosqlError {
  return new DosqlError(
    'FEATURE_NOT_ENABLED',
    `${what} needs an extension: import { ${factory} } from '@dotdo/dosql/${module}' and pass ${factory}(…) in DB(name, { extensions: […] }).`,
    { statement, cause },
  );
}
