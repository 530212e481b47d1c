import { DosqlError } from '../errors/index.ts';
import { analyze } from '../sql/analyze.ts';
import { BoundedCache, textWeight } from '../sql/cache.ts';
import type { Statement } from '../sql/types.ts';
import { drain, type Take } from './cursor.ts';
import type { MaintenanceOptions, Rewrite, SchemaHook, TransactionEndHook } from './extension.ts';
import { exactRows, type IntegerMode } from './integers.ts';
import { Lock } from './lock.ts';
import { makePlan, type Plan } from './plan.ts';
import { checkForeignKeys, Pragmas } from './pragmas.ts';
import { type Transactions, watchStorage } from './raw.ts';
import { runSpecial } from './special.ts';
import { statementError } from './statement-error.ts';
import { decodeRows, integerVariant, type SqlValue } from './values.ts';
import { assertWhole } from './whole.ts';
import { runWrite } from './write.ts';

const ENGINES = new WeakMap<DurableObjectStorage, Engine>();
const PLANS = 512;
const MAX_CACHED_TEXT = 250_000;

/** The platform's billing counts. */
export interface RowCounts {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

interface Traits {
  readonly deferred: boolean;
  readonly computes: boolean;
}

/** DEFAULT (…), a generated column, or a literal that may be beyond ±(2^53-1). */
const COMPUTES = /\bdefault\W*\(|\bgenerated\b|\bas\W*\(|\d{16}|0x|\de\+?\d/i;

/**
 * The one engine in front of a DurableObjectStorage: plans, lock, pragmas and counters are shared by every Database
 * and Drizzle handle on it. Everything here is synchronous; who may call when is decided by the scopes above.
 */
export class Engine {
  readonly sql: SqlStorage;
  readonly lock = new Lock();
  readonly pragmas: Pragmas;
  readonly native: Transactions;
  /** An extension may make statements read rows from outside the object. */
  loads = false;
  readonly planHooks: ((statement: Statement) => Rewrite | undefined)[] = [];
  readonly schemaHooks: SchemaHook[] = [];
  readonly endHooks: TransactionEndHook[] = [];
  readonly rollbackHooks: ((outermost: boolean) => void)[] = [];
  readonly commitHooks: ((tables: ReadonlySet<string>) => void)[] = [];
  readonly maintenanceHooks = new Map<string, (options: MaintenanceOptions) => unknown>();
  readonly flushHooks: (() => Promise<void>)[] = [];
  readonly internal = new Set<string>(['__miniflare_do_name', '_cf_kv']);
  /** Open transactions of the storage itself: listeners hear at their end of what was committed inside. */
  holders = 0;
  /** Nesting depth of transactions; 0 outside. */
  depth = 0;
  /** The current run of back-to-back asynchronous transactions, in milliseconds since the epoch. */
  readonly streak = { length: 0, start: 0, end: 0 };
  /** Count write statements and schema changes: a result that reads `changes()` late can see that a write came between. */
  writes = 0;
  schemas = 0;
  /** `changes()` of a write that ran in several parts, valid while `writes` has not moved. */
  chunkedChanges = { writes: -1, changes: 0 };
  /** Row counts of the last statement: its cursor, which counts until the next one, or a sum. Read only when asked for. */
  counts: RowCounts = { rowsRead: 0, rowsWritten: 0 };
  /** Column names of the last statement. */
  names: readonly string[] = [];
  /** It is known that no row is out of reach: `assertWhole`. */
  whole = false;
  readonly #plans = new BoundedCache<string, Plan>(PLANS, textWeight);
  #touched = new Set<string>();
  #known: Traits | undefined;

  /** The engine of this storage; always the same one. */
  static of(storage: DurableObjectStorage): Engine {
    let engine = ENGINES.get(storage);
    if (!engine) {
      engine = new Engine(storage);
      ENGINES.set(storage, engine);
    }
    return engine;
  }

  private constructor(readonly storage: DurableObjectStorage) {
    this.sql = storage.sql;
    this.native = watchStorage(this, storage);
    this.pragmas = new Pragmas(this);
  }

  get rowsRead(): number {
    return this.counts.rowsRead;
  }

  get rowsWritten(): number {
    return this.counts.rowsWritten;
  }

  /** The plan for an SQL text; one cache look-up when it is known. */
  plan(sql: string): Plan {
    let plan = this.#plans.get(sql);
    if (plan === undefined) {
      if (typeof sql !== 'string')
        throw new DosqlError('INVALID_ARGUMENT', `SQL text must be a string, not ${typeof sql}.`);
      assertWhole(this);
      plan = makePlan(sql, this.planHooks);
      // A text of megabytes is an insert of its own rows: it will not come again.
      if (sql.length < MAX_CACHED_TEXT) this.#plans.set(sql, plan);
    }
    return plan;
  }

  /** The plan for a text as it stands, whatever extensions would make of it; not cached. */
  bare(sql: string): Plan {
    return makePlan(sql, []);
  }

  /** Forgets every plan: a new extension sees all SQL texts again. */
  clearPlans(): void {
    this.#plans.clear();
  }

  /** All rows, or those of a read that `take` takes, as arrays, BLOBs as Uint8Array, integers by `mode`. @throws DosqlError */
  all(plan: Plan, values: readonly SqlValue[], mode: IntegerMode, take = drain): unknown[][] {
    if (!plan.plain) return runSpecial(this, plan, values, mode);
    if (!plan.reads) return runWrite(this, plan, values, mode);
    const rows = this.exec(plan.sql, plan, values, take);
    return decodeRows(rows) ? exactRows(this, plan.sql, plan, values, rows, mode) : rows;
  }

  /** Runs for effect; at the price of one `sql.exec` for a plain write. @throws DosqlError */
  run(plan: Plan, values: readonly SqlValue[]): void {
    if (!plan.plain || plan.reads || (this.depth === 0 && this.deferred())) {
      this.all(plan, values, 'number');
      return;
    }
    try {
      this.counts = this.sql.exec(plan.sql, ...values);
    } catch (error) {
      this.#retry(error, plan.sql, plan, values);
    }
    this.touch(plan);
    if (this.depth === 0 && this.watched()) this.endSingle(plan);
  }

  /** One `sql.exec`, drained: an open cursor would lock its table against DDL. Raw values. @throws DosqlError */
  exec(sql: string, plan: Plan, values: readonly SqlValue[], take = drain): unknown[][] {
    let rows: unknown[][];
    try {
      const cursor = this.sql.exec(sql, ...values);
      rows = take(cursor);
      this.names = cursor.columnNames;
      this.counts = cursor;
    } catch (error) {
      return this.#retry(error, sql, plan, values, take);
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
    let result: T;
    try {
      result = this.native.transactionSync(() => {
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
    } catch (error) {
      if (outermost) this.rolledBack();
      this.undone(outermost);
      throw error;
    } finally {
      this.depth--;
    }
    // Outside the try: a listener that throws cannot undo what is committed.
    if (outermost) this.committed();
    return result;
  }

  /** Last check inside an outermost transaction. @throws FOREIGN_KEY_VIOLATION */
  beforeCommit(): void {
    // workerd: a deferred foreign key that is violated at commit resets the whole object.
    if (this.deferred() || this.pragmas.deferForeignKeys) checkForeignKeys(this);
    this.ending();
  }

  /** Last work of the listeners inside an outermost transaction. */
  ending(): void {
    for (const hook of this.endHooks) hook();
  }

  /** Ends a write outside any transaction: its synchronous turn is one implicit transaction of the platform. */
  endSingle(plan: Plan): void {
    for (const hook of this.endHooks) hook(plan);
    this.committed();
  }

  /** Tells listeners what an outermost transaction (or a single statement) wrote. */
  committed(): void {
    this.pragmas.checkAgain();
    if (this.#touched.size === 0 || this.holders > 0) return;
    const tables = this.#touched;
    this.#touched = new Set();
    for (const hook of this.commitHooks) hook(tables);
  }

  /** Tells listeners that a transaction or a savepoint was rolled back. */
  undone(outermost: boolean): void {
    this.#known = undefined;
    for (const hook of this.rollbackHooks) hook(outermost);
  }

  rolledBack(): void {
    this.pragmas.checkAgain();
    if (!this.holders) this.#touched.clear();
  }

  /** True when the schema declares a deferrable foreign key. */
  deferred(): boolean {
    return this.traits().deferred;
  }

  /** True when a column's value may come from its declaration: computed, or a literal of 16 digits and more. */
  computes(): boolean {
    return this.traits().computes;
  }

  /**
   * What the text of all tables tells. Read once, and again after DDL or when DDL may have been undone: another object
   * then, so that others can keep what they know of the schema by it.
   */
  traits(): Traits {
    if (!this.#known) {
      const text = drain(this.sql.exec("SELECT sql FROM sqlite_master WHERE type='table'")).join('\n');
      this.#known = { deferred: /\bdeferr/i.test(text), computes: COMPUTES.test(text) };
    }
    return this.#known;
  }

  /** Runs DDL between the extensions' hooks. To be called inside a transaction when there are hooks. */
  changeSchema<T>(statement: Statement, work: () => T): T {
    for (const hook of this.schemaHooks) hook.before?.(statement);
    const result = work();
    this.#known = undefined;
    this.schemas++;
    // Rows come and go with their tables.
    this.#touched.add('sqlite_schema');
    for (const { name } of statement.tables) this.#touched.add(name.toLowerCase());
    for (const hook of this.schemaHooks) hook.after?.(statement);
    return result;
  }

  /** Notes the tables a write names, for {@link committed}. */
  touch(plan: Plan): void {
    this.writes++;
    if (this.commitHooks.length === 0) return;
    for (const table of plan.statement.tables) {
      if (table.role === 'write') this.#touched.add(table.name.toLowerCase());
    }
  }

  /** Somebody wants to know of writes. */
  watched(): boolean {
    return this.commitHooks.length > 0 || this.endHooks.length > 0;
  }

  /** After a failed `exec`: BigInt values are refused by the binding, before anything ran, so bind them exactly. */
  #retry(error: unknown, sql: string, plan: Plan, values: readonly SqlValue[], take?: Take): unknown[][] {
    if (!values.some((value) => typeof value === 'bigint')) throw statementError(error, plan, values, sql);
    const exact = integerVariant(sql === plan.sql ? plan.statement : analyze(sql), values);
    return this.exec(exact.sql, plan, exact.values, take);
  }
}
