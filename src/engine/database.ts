import { DosqlError } from '../errors/index.ts';
import type { MigrationReport, MigrationSource } from '../migration/types.ts';
import type { Engine } from './engine.ts';
import { type Explanation, explain } from './explain.ts';
import type { MaintenanceOptions, MaintenanceReport } from './extension.ts';
import { loadForeign } from './foreign.ts';
import { enter, RootScope } from './scope.ts';
import { type Settings, Statements } from './statements.ts';
import { encodeParams, type Params } from './values.ts';

/** What a Database needs from outside the engine. */
export type Migrator = (source: MigrationSource) => Promise<MigrationReport>;

/** A handle on the SQLite database of one Durable Object. All handles on one storage share lock, plans and caches. */
export class Database extends Statements {
  readonly name: string;
  readonly storage: DurableObjectStorage;
  readonly #migrate: Migrator;
  readonly #source: MigrationSource | undefined;

  /** @internal Use `DB(name, options)`. */
  constructor(name: string, engine: Engine, settings: Settings, migrate: Migrator, source?: MigrationSource) {
    super(new RootScope(engine), settings);
    this.name = name;
    this.storage = engine.storage;
    this.#migrate = migrate;
    this.#source = source;
  }

  /** Size of the database in bytes. */
  get size(): number {
    return this.scope.engine.sql.databaseSize;
  }

  /** SQLite's plan of a statement, what text will really run, and what it reads. Runs nothing. @throws DosqlError */
  async explain(sql: string, params?: Params): Promise<Explanation> {
    const { engine } = this.scope;
    const plan = engine.plan(sql);
    const values = encodeParams(plan.statement, params);
    const ready =
      plan.foreign && !plan.parts
        ? await loadForeign(plan, values, { scope: this.scope, explain: true, tier: this.settings.tier })
        : undefined;
    return enter(this.scope, () => explain(engine, plan, values, ready));
  }

  /**
   * Applies pending migrations of `source` (default: those given to `DB`), each one atomically with its ledger row.
   * @throws MIGRATION_FAILED, MIGRATION_DRIFT, MIGRATION_INVALID, MIGRATIONS_NOT_FOUND
   */
  async migrate(source: MigrationSource | undefined = this.#source): Promise<MigrationReport> {
    if (!source)
      throw new DosqlError('MIGRATIONS_NOT_FOUND', 'No migrations were given to DB() or to migrate().');
    return this.#migrate(source);
  }

  /** Lets SQLite refresh its statistics and every extension do its periodic work, within a time budget. */
  async maintenance(options: MaintenanceOptions = {}): Promise<MaintenanceReport> {
    const { engine } = this.scope;
    if (options.archiveOlderThan !== undefined && !engine.maintenanceHooks.has('tiers')) {
      throw new DosqlError(
        'FEATURE_NOT_ENABLED',
        "archiveOlderThan needs tiered storage: pass createTieredBackend(…) from '@dotdo/dosql/fsx' as storage.",
      );
    }
    const sizeBefore = this.size;
    const extensions: Record<string, unknown> = {};
    const end = Date.now() + (options.budgetMs ?? Infinity);
    for (const [name, hook] of engine.maintenanceHooks)
      extensions[name] = await hook({ ...options, budgetMs: Math.max(0, end - Date.now()) });
    await enter(this.scope, () => engine.sql.exec('PRAGMA optimize'));
    const done = Object.values(extensions).every(
      (report) => (report as { done?: boolean } | undefined)?.done !== false,
    );
    return { done, sizeBefore, sizeAfter: this.size, extensions };
  }

  /** Resolves when everything written so far is durable and every sink has drained. */
  async flush(): Promise<void> {
    for (const hook of this.scope.engine.flushHooks) await hook();
    await this.storage.sync();
  }
}
