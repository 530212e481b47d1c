import type { ScanReport } from '../relation/provider.ts';
import type { SqlValue } from '../sql/literal.ts';
import type { Statement } from '../sql/types.ts';
import type { Engine } from './engine.ts';
import type { Plan } from './plan.ts';
import type { Scope } from './scope.ts';

/** What an extension wants done with one SQL text. The plan that holds it is cached, so decide once. */
export interface Rewrite {
  /** Text to run instead. */
  readonly sql?: string;
  /** Values to bind instead, derived from the caller's. */
  readonly bind?: (values: readonly unknown[]) => unknown[];
  /** Runs the statement inside a synchronous frame (pragmas on and off again, say). */
  readonly around?: <T>(run: () => T) => T;
  /** Fetches rows from outside the object for one execution. The statement then needs the asynchronous API. */
  readonly load?: (values: readonly SqlValue[], options: LoadOptions) => Promise<Loaded>;
  /** With `tier: 'hot'` the statement runs as it is, without {@link load}. */
  readonly optional?: boolean;
}

export interface LoadOptions {
  /** Whose turn to wait for before reading the object: that of the transaction which the statement belongs to. */
  readonly scope: Scope;
  /** Only say what would be read: no rows. */
  readonly explain?: boolean;
  /** Rows of tiered tables: those in the object, or all (default). */
  readonly tier?: 'hot' | 'all' | undefined;
}

/** What {@link Rewrite.load} found for one execution. */
export interface Loaded {
  /** Runs in the place of the user's text, which runs untouched when this is absent. */
  readonly sql?: string;
  /** Values for `sql`. */
  readonly values?: readonly SqlValue[];
  /** False when what was loaded is stale. Asked in the synchronous turn in which the statement runs. */
  valid?(): boolean;
  /** Runs the statement inside a synchronous frame, in the transaction of the statement when it makes one. */
  readonly around?: <T>(run: () => T) => T;
  readonly report: readonly ScanReport[];
}

/** Called before and after a DDL statement. */
export interface SchemaHook {
  before?(statement: Statement): void;
  after?(statement: Statement): void;
}

export type TransactionEndHook = (single?: Plan) => void;

/** What the engine offers to an extension while it is installed and later. */
export interface EngineHost {
  readonly engine: Engine;
  readonly storage: DurableObjectStorage;
  /** Stores given in `storage: { hot, warm, cold }`. */
  readonly warm?: KVNamespace;
  readonly cold?: R2Bucket;
  /** Called once per distinct SQL text, before it runs for the first time. */
  onPlan(hook: (statement: Statement) => Rewrite | undefined): void;
  /** Called around every DDL statement, in its transaction (migrations included). */
  onSchemaChange(hook: SchemaHook): void;
  /**
   * Called inside every transaction that wrote something, just before it ends; and, with its plan, right after a write
   * outside any transaction, in the same synchronous turn, which the platform commits as a whole.
   */
  onTransactionEnd(hook: TransactionEndHook): void;
  /** Called after a transaction (`outermost`) or a savepoint was rolled back: what was read inside it is void. */
  onRollback(hook: (outermost: boolean) => void): void;
  /**
   * Called after every commit with the lower-case names of the tables written through the engine; of a change of the
   * schema, of those that it names and `sqlite_schema`.
   */
  onCommit(hook: (tables: ReadonlySet<string>) => void): void;
  /** Called by `db.maintenance()`; what it returns is part of the report under the extension's name. */
  onMaintenance(hook: (options: MaintenanceOptions) => unknown): void;
  /** Called by `db.flush()`. */
  onFlush(hook: () => Promise<void>): void;
  /** Marks tables as internal: hidden from introspection over the wire. */
  internalTables(names: readonly string[]): void;
}

/** A feature that is imported and passed in; the engine knows only this. */
export interface Extension<Api extends object = object> {
  readonly name: string;
  /** Runs once per storage, before migrations: for what has to see them. `false`: it did nothing, the next DB() asks again. */
  prepare?(host: EngineHost): unknown;
  /**
   * Runs once per storage, after migrations, before the first statement. Returns the methods it adds to Database, or
   * `false`, as `prepare`.
   */
  install(host: EngineHost): Api | false | Promise<Api | false>;
}

/** The methods that a list of extensions adds. */
export type Apis<E extends readonly Extension[]> = E extends readonly [
  infer First,
  ...infer Rest extends readonly Extension[],
]
  ? (First extends Extension<infer Api> ? Api : object) & Apis<Rest>
  : object;

/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'5m'`, `'24h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

export interface MaintenanceOptions {
  /** Also do work that frees space. */
  compact?: boolean;
  /** Move rows older than this out of the object (needs the tier extension). */
  archiveOlderThan?: Duration;
  /** Stop starting new work after this many milliseconds. */
  budgetMs?: number;
}

/** Database size in bytes before and after, and what each extension reports, by its name. */
export interface MaintenanceReport {
  /** False when the budget ended before all extensions had done what is due: call it again, it goes on. */
  done: boolean;
  sizeBefore: number;
  sizeAfter: number;
  extensions: Record<string, unknown>;
}
