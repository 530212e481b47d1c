import { currentScope } from '../engine/als.ts';
import type { Engine } from '../engine/engine.ts';
import { assertWhole } from '../engine/whole.ts';
import { DosqlError } from '../errors/index.ts';
import { drift, type Hashed, matchLedger } from './drift.ts';
import { sha256 } from './hash.ts';
import { readDigest, readLedger, rewriteLedger, writeDigest, writeRow } from './ledger.ts';
import { alone, withoutForeignKeys } from './rebuild.ts';
import { needsRebuild, parseScript, runScript } from './script.ts';
import { loadMigrations } from './source.ts';
import type { MigrationOptions, MigrationReport, MigrationSource } from './types.ts';

export interface MigrateOptions extends MigrationOptions {
  /** Holds back every event of the object while migrations run. */
  ctx?: DurableObjectState | undefined;
}

/**
 * Brings the database up to date with `source`, each migration atomically with its ledger row. Concurrent calls
 * migrate once. When there is nothing to do, it costs one statement that reads at most one row.
 * @throws MIGRATION_FAILED, MIGRATION_DRIFT, MIGRATION_INVALID, MIGRATIONS_NOT_FOUND, SQL_NOT_ENABLED
 */
export async function migrateOnce(
  engine: Engine,
  source: MigrationSource,
  { ctx, outOfOrder = (source as MigrationOptions)?.outOfOrder }: MigrateOptions = {},
): Promise<MigrationReport> {
  const list = await loadMigrations(source);
  const digest = list.length ? await sha256(JSON.stringify(list)) : undefined;
  const inside = currentScope();
  if (inside?.engine === engine && !inside.closed) {
    throw new DosqlError(
      'USE_TRANSACTION_HANDLE',
      'Migrations cannot run inside a transaction; migrate before it.',
    );
  }
  const report: MigrationReport = {
    applied: [],
    upToDate: list.map(({ id }) => id),
    outOfOrder: [],
    adopted: false,
  };
  const done = () => readDigest(engine) === digest;
  if (await engine.lock.shared(done)) return report;
  const hashed = await Promise.all(
    list.map(async (migration) => ({ ...migration, hash: await sha256(migration.sql) })),
  );
  await alone(engine, ctx, async () => {
    if (!done()) await applyPending(engine, hashed, digest as string, report, ctx, outOfOrder);
  });
  return report;
}

async function applyPending(
  engine: Engine,
  list: readonly Hashed[],
  digest: string,
  report: MigrationReport,
  ctx: DurableObjectState | undefined,
  outOfOrder: MigrationOptions['outOfOrder'],
): Promise<void> {
  assertWhole(engine);
  const { rows, foreign } = readLedger(engine);
  const changed = matchLedger(list, rows);
  const newest = list.findLastIndex(({ row }) => row);
  const pending = list.filter(({ row }) => !row);
  report.outOfOrder = pending.filter((migration) => list.indexOf(migration) < newest).map(({ id }) => id);
  const [late] = report.outOfOrder;
  if (late && outOfOrder === 'error')
    throw drift(late, `is new, but older than "${list[newest]!.id}", which was applied; generate it again`);
  const scripts = pending.map((migration) => parseScript(engine, migration));
  report.adopted = foreign || changed;
  if (report.adopted) engine.native.transactionSync(() => rewriteLedger(engine, rows));
  let youngest = Math.max(0, ...rows.map((row) => row.created_at));
  for (const script of scripts) {
    const { id, when, hash } = script.migration;
    const behind = list.slice(list.indexOf(script.migration)).flatMap(({ row }) => row?.created_at ?? []);
    // Without a time of its own, a migration is as old as those behind it that were applied before.
    const created = when ?? (behind.length ? Math.min(...behind) : Math.max(Date.now(), youngest + 1));
    youngest = Math.max(youngest, created);
    const rebuild = needsRebuild(engine, script);
    const apply = () =>
      atomically(engine, () => {
        runScript(engine, script, rebuild);
        const applied_at = new Date().toISOString();
        writeRow(engine.sql, { hash, created_at: created, name: id, applied_at });
      });
    if (rebuild) await withoutForeignKeys(engine, ctx, apply);
    else apply();
    report.applied.push(id);
  }
  writeDigest(engine, digest);
}

/** An outermost transaction whose foreign keys are checked by the caller: violations that are old must not stop it. */
export function atomically(engine: Engine, work: () => void): void {
  engine.pragmas.assert();
  engine.depth++;
  try {
    engine.transactionSync(() => {
      work();
      engine.ending();
    });
    engine.committed();
  } catch (error) {
    engine.rolledBack();
    throw error;
  } finally {
    engine.depth--;
  }
}
