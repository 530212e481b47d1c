import type { Duration, EngineHost, Extension } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import { addResolver } from '../relation/relations.ts';
import { foldName } from '../sql/identifier.ts';
import { durationMs } from '../wal/duration.ts';
import { ELSEWHERE } from '../wal/store.ts';
import { kvStore } from './kv-store.ts';
import { maintain } from './maintain.ts';
import { TIER_TABLES } from './manifest.ts';
import { isObjectStore, type ObjectStore } from './object-store.ts';
import { parentOf } from './parents.ts';
import { policyOf, type TierPolicy } from './policy.ts';
import { r2Store } from './r2-store.ts';
import { refusePast, resolver } from './resolver.ts';
import { TierSchema } from './schema.ts';
import { type TierStep, Tiers } from './tiers.ts';
import { loadConflicts, looksAtKeys } from './upsert.ts';

export interface TieredOptions {
  /** `ctx.storage`: the rows that are in use. */
  hot: DurableObjectStorage;
  /** KV, where copies of young archived rows are kept for a while. They may vanish; nothing is lost with them. */
  warm?: KVNamespace | ObjectStore;
  /** R2, where archived rows are. */
  cold?: R2Bucket | ObjectStore;
  /** Age at which rows leave the object, for policies that do not say. */
  hotThreshold?: Duration;
  /** Age up to which a copy stays in the warm store, for policies that do not say. */
  warmThreshold?: Duration;
  /** The tables whose rows are archived; without any nothing ever moves. */
  tables?: readonly TierPolicy[];
  /** Most archived rows, and bytes of them as text, that one statement may bring in; default 250,000 and 16 MB, at most 32 MB. */
  maxRows?: number;
  maxBytes?: number;
  /** How long files that nothing needs any more are kept for a database that is restored to an earlier point. Default 30 days. */
  keepDeadFor?: Duration;
  /** Called as archiving goes on, for logs. What it throws fails the step; in `committing` it must not wait. */
  onStep?: (step: TierStep) => void | Promise<void>;
}

/** What `DB(name, { storage })` takes in the place of `ctx.storage`. */
export interface TieredBackend {
  readonly hot: DurableObjectStorage;
  readonly warm?: KVNamespace;
  readonly cold?: R2Bucket;
  /** @internal */
  readonly extension: Extension;
}

const MONTH = 30 * 86_400_000;

/**
 * Storage in tiers: SQLite in the object, copies in KV, archives in R2. Rows move with `db.maintenance()`, and statements go on
 * seeing them. @throws INVALID_ARGUMENT
 */
export function createTieredBackend(options: TieredOptions): TieredBackend {
  const {
    hot,
    warm,
    cold,
    hotThreshold,
    warmThreshold,
    tables = [],
    keepDeadFor = MONTH,
    onStep,
  } = options ?? {};
  const policies = tables.map((given) => policyOf(given, hotThreshold, warmThreshold));
  for (const duration of [hotThreshold, warmThreshold]) if (duration !== undefined) durationMs(duration);
  const keepDeadMs = durationMs(keepDeadFor);
  if (policies.length && !cold)
    throw new DosqlError(
      'INVALID_ARGUMENT',
      'Archived rows need a cold store: give createTieredBackend({ cold: env.BUCKET }), an R2 bucket. KV alone is no archive.',
    );
  const coldStore = cold && (isObjectStore(cold) ? cold : r2Store(cold));
  const warmStore = warm && (isObjectStore(warm) ? warm : kvStore(warm));
  const open = async (host: EngineHost) => {
    // Without a policy there is nothing to do, unless rows were archived before.
    if (STARTED.has(host.engine) || !coldStore || (!policies.length && !archived(host))) return;
    const tiers = new Tiers(host.engine, policies, coldStore, warmStore, onStep ?? (() => {}), {
      maxRows: options.maxRows,
      maxBytes: options.maxBytes,
    });
    await begin(tiers, host, keepDeadMs);
  };
  return {
    hot,
    ...(warm && !isObjectStore(warm) && { warm }),
    ...(cold && !isObjectStore(cold) && { cold }),
    extension: {
      name: 'tiers',
      async prepare(host) {
        // Migrations must not pass by an archive that is there.
        if (!archived(host)) return;
        await open(host);
        return STARTED.has(host.engine) ? undefined : false;
      },
      async install(host) {
        const { engine } = host;
        await open(host);
        const tiers = STARTED.get(engine);
        // Another backend may have what this one lacks.
        if (!tiers) return false;
        tiers.settled = true;
        tiers.refresh();
        await tiers.transaction(() => new TierSchema(tiers).settle());
        engine.clearPlans();
        return {};
      },
    },
  };
}

const STARTED = new WeakMap<EngineHost['engine'], Tiers>();

function archived({ engine }: EngineHost): boolean {
  return [...engine.sql.exec("SELECT 1 FROM sqlite_master WHERE name='_dosql_tier_meta'")].length > 0;
}

async function begin(tiers: Tiers, host: EngineHost, keepDeadMs: number): Promise<void> {
  const { engine, manifest } = tiers;
  const schema = new TierSchema(tiers);
  await tiers.transaction(() => {
    manifest.open();
    schema.open();
  });
  host.internalTables(TIER_TABLES);
  // First of all: what it does to a table that is built anew, the change log has to see.
  engine.schemaHooks.unshift({
    before: (statement) => schema.before(statement),
    after: (statement) => {
      schema.after(statement);
      engine.clearPlans();
    },
  });
  host.onRollback(() => {
    manifest.undone();
    tiers.refresh();
  });
  host.onMaintenance((options) => tiers.alone(() => maintain(tiers, options, keepDeadMs)));
  addResolver(host, resolver(tiers));
  host.onPlan((statement) => refusePast(tiers, statement));
  host.onPlan((statement) => parentOf(tiers, statement));
  host.onPlan((statement) => {
    const target = statement.tables.find(({ role }) => role === 'write');
    if (!target || !looksAtKeys(statement) || !tiers.tables.has(foldName(target.name))) return undefined;
    return {
      optional: true,
      load: async (values, loading) => {
        const tiered = tiers.tables.get(foldName(target.name));
        return tiered ? loadConflicts(tiers, tiered, statement, values, loading) : { report: [] };
      },
    };
  });
  STARTED.set(engine, tiers);
  ELSEWHERE.set(engine, (name) => manifest.has(name));
}
