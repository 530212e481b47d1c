import type { MaintenanceOptions } from '../engine/extension.ts';
import { isDosqlError } from '../errors/index.ts';
import { durationMs } from '../wal/duration.ts';
import { archiveBatch } from './archive.ts';
import { compact, nextCompaction } from './compact.ts';
import { collect, recover, sweep } from './recover.ts';
import type { Tiers } from './tiers.ts';

/** What `db.maintenance()` says of the tiers, in `report.extensions.tiers`. */
export interface TierReport {
  /** By table: rows that moved out of the object, rows that changed meanwhile and stayed, and files written. */
  archived: Record<string, { rows: number; stale: number; segments: number }>;
  /** Files that were merged, or rid of their buried rows. */
  compacted: number;
  /** Unfinished files of a crash that were given up. */
  recovered: number;
  /** Objects deleted because nothing needs them any more. */
  deleted: number;
  /** False when the budget ended first: call it again. */
  done: boolean;
}

/** Recovers, archives, compacts, and deletes what is not needed. It goes on where the last call stopped. */
export async function maintain(
  tiers: Tiers,
  { compact: compacts = false, archiveOlderThan, budgetMs }: MaintenanceOptions,
  keepDeadMs: number,
  now: number = Date.now(),
): Promise<TierReport> {
  const started = Date.now();
  const late = () => budgetMs !== undefined && Date.now() - started >= budgetMs;
  const report: TierReport = { archived: {}, compacted: 0, recovered: 0, deleted: 0, done: true };
  report.recovered = await recover(tiers);
  const tables = [...tiers.tables.keys()];
  for (const name of tables) {
    for (;;) {
      const tiered = tiers.tables.get(name);
      if (!tiered || tiered.policy.hotMs === Number.POSITIVE_INFINITY) break;
      if (late()) {
        report.done = false;
        break;
      }
      const age = archiveOlderThan === undefined ? tiered.policy.hotMs : durationMs(archiveOlderThan);
      const batch = await archiveBatch(tiers, tiered, now - age).catch((error) => {
        if (!isDosqlError(error, 'TIER_CONTENTION')) throw error;
        report.done = false;
      });
      if (!batch) break;
      report.archived[name] ??= { rows: 0, stale: 0, segments: 0 };
      const sum = report.archived[name];
      sum.rows += batch.rows;
      sum.stale += batch.stale;
      sum.segments++;
      // Rows that change faster than they are written must not keep this going.
      if (batch.rows === 0) {
        report.done = false;
        break;
      }
    }
  }
  for (const name of compacts ? tables : []) {
    for (;;) {
      const tiered = tiers.tables.get(name);
      const segments = tiered && nextCompaction(tiers, tiered, name);
      if (!segments) break;
      if (late()) {
        report.done = false;
        break;
      }
      try {
        await compact(tiers, tiered, segments);
      } catch (error) {
        if (!isDosqlError(error, 'TIER_CONTENTION')) throw error;
        report.done = false;
        break;
      }
      report.compacted += segments.length;
    }
  }
  report.deleted =
    (await collect(tiers, now - keepDeadMs, late)) + (await sweep(tiers, now, keepDeadMs, late));
  if (late()) report.done = false;
  return report;
}
