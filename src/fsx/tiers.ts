import type { Engine } from '../engine/engine.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import { Manifest } from './manifest.ts';
import type { ObjectStore } from './object-store.ts';
import type { Policy } from './policy.ts';
import { SegmentFiles } from './segment-files.ts';
import { describeTier, type TierTable } from './table.ts';

/** Where archiving or compaction is. */
export type TierStep = 'selected' | 'intended' | 'put' | 'committing' | 'committed' | 'copied' | 'recovered';

/** A table whose rows may be archived, as it is today. */
export interface Tiered {
  readonly policy: Policy;
  readonly table: TierTable;
  /** Number of the version of its columns. */
  readonly version: number;
  /** Versions of its columns, by number. */
  readonly versions: ReadonlyMap<number, TierTable>;
  /** Position of {@link Policy.by}. */
  readonly by: number;
}

/** Tiered storage of one database: its policies, its stores, and what is in memory of the archive. */
export class Tiers {
  readonly manifest: Manifest;
  readonly files: SegmentFiles;
  /** By the folded name of the table. */
  readonly policies: ReadonlyMap<string, Policy>;
  #tables: Map<string, Tiered> | undefined;
  /** Migrations have run. Before, what a policy needs may still be missing: policies do not count. */
  settled = false;
  /** Pending segments that this instance is working on. */
  readonly working = new Set<number>();
  /** The work that runs, so that there is one at a time. */
  #busy: Promise<unknown> = Promise.resolve();
  readonly #scope: RootScope;

  constructor(
    readonly engine: Engine,
    policies: readonly Policy[],
    readonly cold: ObjectStore,
    readonly warm: ObjectStore | undefined,
    readonly onStep: (step: TierStep) => void | Promise<void>,
    /** The most that one statement may bring in. */
    readonly caps: { readonly maxRows?: number | undefined; readonly maxBytes?: number | undefined },
  ) {
    this.manifest = new Manifest(engine);
    this.policies = new Map(policies.map((policy) => [foldName(policy.table), policy]));
    this.#scope = new RootScope(engine);
    this.files = new SegmentFiles(this.manifest, cold, warm);
  }

  /** Synchronous work between the transactions of others. */
  turn<T>(work: () => T): Promise<T> {
    return enter(this.#scope, work);
  }

  /** The same as one transaction. */
  transaction<T>(work: () => T): Promise<T> {
    return this.turn(() => this.engine.transactionSync(work));
  }

  /** Long work, one at a time. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.then(work);
    this.#busy = result.catch(() => {});
    return result;
  }

  /** Folded names of tables with a policy, and of those that had one and have archived rows. */
  names(): string[] {
    const archived = this.manifest.all("SELECT DISTINCT tbl FROM _dosql_tier_seg WHERE state='active'");
    const policies = this.settled ? this.policies.keys() : [];
    return [...new Set([...policies, ...archived.map(([name]) => name as string)])];
  }

  /** Tables that exist, by folded name. @throws UNSUPPORTED_STATEMENT, LIMIT_EXCEEDED, NO_SUCH_COLUMN */
  get tables(): ReadonlyMap<string, Tiered> {
    this.#tables ??= this.#describe();
    return this.#tables;
  }

  /** To be called when the schema changed, or a change of it was undone. */
  refresh(): void {
    this.#tables = undefined;
  }

  #describe(): Map<string, Tiered> {
    const tables = new Map<string, Tiered>();
    for (const name of this.names()) {
      const table = describeTier(this.engine.sql, name);
      if (!table) continue;
      const policy = (this.settled && this.policies.get(name)) || {
        ...NO_POLICY,
        table: name,
        by: table.columns[table.key[0]!]!.name,
      };
      const by = table.columns.findIndex((column) => foldName(column.name) === foldName(policy.by));
      if (by < 0)
        throw new DosqlError(
          'NO_SUCH_COLUMN',
          `The tier policy of ${policy.table} goes by ${policy.by}, which is no column of it.`,
          { table: policy.table, columns: [policy.by] },
        );
      const versions = this.manifest.schemas(name);
      const version = Math.max(0, ...versions.keys());
      tables.set(name, { policy, table: versions.get(version) ?? table, version, versions, by });
    }
    return tables;
  }
}

/** Of a table that only has archived rows from before: nothing more leaves it. */
const NO_POLICY: Omit<Policy, 'table' | 'by'> = {
  hotMs: Number.POSITIVE_INFINITY,
  warmMs: 0,
  unit: 'ms',
  segmentRows: 50_000,
  mixed: true,
  verify: false,
};
