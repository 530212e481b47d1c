import { loadContext } from './engine/als.ts';
import { Database } from './engine/database.ts';
import { Engine } from './engine/engine.ts';
import type { Apis, EngineHost, Extension } from './engine/extension.ts';
import type { IntegerMode } from './engine/integers.ts';
import type { QueryEvent } from './engine/result.ts';
import { DosqlError, fromSqlite } from './errors/index.ts';
import { migrateOnce } from './migration/migrate.ts';
import type { MigrationSource } from './migration/types.ts';

/** The object's own storage with a warm and a cold store beside it, for extensions that use them. */
export interface StorageTiers {
  hot: DurableObjectStorage;
  warm?: KVNamespace;
  cold?: R2Bucket;
  /** What `createTieredBackend` brings along. */
  readonly extension?: Extension;
}

export interface DatabaseOptions<E extends readonly Extension[] = readonly Extension[]> {
  /** `ctx.storage`, the object's storage as `hot` beside other stores, or `createTieredBackend(…)`. */
  storage: DurableObjectStorage | StorageTiers;
  /** Pass `this.ctx` so that pending migrations hold back every request of the object (`blockConcurrencyWhile`). */
  ctx?: DurableObjectState;
  /** Applied before `DB()` resolves; up to date costs one statement. */
  migrations?: MigrationSource;
  extensions?: E;
  /** How integers beyond ±(2^53-1) arrive. Default `'throw'`: INTEGER_OUT_OF_RANGE, never a rounded number. */
  integers?: IntegerMode;
  /** Called after every statement of this handle. */
  onQuery?: (event: QueryEvent) => void;
  /** Put bound values into query events. Off by default: they are the user's data. */
  captureParams?: boolean;
}

const INSTALLED = new WeakMap<Engine, Map<string, Promise<unknown>>>();

/**
 * Opens the database of a Durable Object: checks that it has SQL, applies pending migrations, installs extensions.
 * Call it as often as you like; handles on one storage share one engine.
 * @throws SQL_NOT_ENABLED, MIGRATION_FAILED, MIGRATION_DRIFT, MIGRATION_INVALID, MIGRATIONS_NOT_FOUND
 */
export async function DB<const E extends readonly Extension[] = []>(
  name: string,
  options: DatabaseOptions<E>,
): Promise<Database & Apis<E>> {
  const storage = Object(options?.storage);
  const tiers: StorageTiers = 'hot' in storage ? storage : { hot: storage };
  if (typeof tiers.hot?.transactionSync !== 'function') {
    throw new DosqlError('INVALID_ARGUMENT', 'DB(name, { storage }) needs ctx.storage of a Durable Object.');
  }
  const engine = Engine.of(tiers.hot);
  await loadContext();
  const { integers = 'throw', onQuery, captureParams, ctx, migrations } = options;
  const extensions = [...(tiers.extension ? [tiers.extension] : []), ...(options.extensions ?? [])];
  const preparing = extensions.filter(({ prepare }) => prepare);
  if (!migrations || preparing.length > 0) probe(engine);
  for (const extension of preparing)
    await once(engine, `${extension.name} `, () =>
      extension.prepare?.(hostFor(engine, tiers, extension.name)),
    );
  if (migrations) await migrateOnce(engine, migrations, { ctx });
  const settings = { integers, onQuery, captureParams };
  const db = new Database(
    name,
    engine,
    settings,
    (source) => migrateOnce(engine, source, { ctx }),
    migrations,
  );
  for (const extension of extensions) {
    const api = await once(engine, extension.name, () =>
      extension.install(hostFor(engine, tiers, extension.name)),
    );
    Object.defineProperties(db, Object.getOwnPropertyDescriptors(Object(api)));
  }
  return db as Database & Apis<E>;
}

/** One statement that fails on a class declared with `new_classes`, whose storage has no SQL. */
function probe(engine: Engine): void {
  try {
    engine.sql.exec('SELECT 1');
  } catch (error) {
    throw fromSqlite(error);
  }
}

/** Runs the work of an extension once per storage. What failed, or did nothing, is tried again by the next DB(). */
async function once<T>(engine: Engine, key: string, work: () => T | Promise<T>): Promise<T> {
  let done = INSTALLED.get(engine);
  if (!done) {
    done = new Map();
    INSTALLED.set(engine, done);
  }
  for (let known = done.get(key); known; known = done.get(key)) {
    const made = (await known) as T;
    if (made !== false) return made;
  }
  const result = (async () => work())();
  done.set(key, result);
  try {
    const made = await result;
    if (made === false) done.delete(key);
    return made;
  } catch (error) {
    done.delete(key);
    throw error;
  }
}

function hostFor(engine: Engine, tiers: StorageTiers, name: string): EngineHost {
  return {
    engine,
    storage: engine.storage,
    ...(tiers.warm && { warm: tiers.warm }),
    ...(tiers.cold && { cold: tiers.cold }),
    onPlan(hook) {
      engine.planHooks.push(hook);
      engine.clearPlans();
    },
    onSchemaChange: (hook) => void engine.schemaHooks.push(hook),
    onTransactionEnd: (hook) => void engine.endHooks.push(hook),
    onRollback: (hook) => void engine.rollbackHooks.push(hook),
    onCommit: (hook) => void engine.commitHooks.push(hook),
    onMaintenance: (hook) => void engine.maintenanceHooks.set(name, hook),
    onFlush: (hook) => void engine.flushHooks.push(hook),
    internalTables(names) {
      for (const table of names) engine.internal.add(table);
    },
  };
}
