import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import { checksums } from './checksum.ts';
import { MAX_COPY } from './segment-files.ts';
import type { WrittenSegment } from './segment-writer.ts';
import type { Tiered, Tiers } from './tiers.ts';
import { verify } from './verify.ts';

/** What a new file stands for. */
interface Commit {
  readonly version: number;
  readonly keys: readonly [lo: unknown, hi: unknown];
  /** Runs inside the transaction that makes the file visible: what leaves for it, which of its keys are void, its largest rowid. */
  commit(): { rows: number; stale: ReadonlySet<string>; rowid: string | null };
}

/** Steps 2 to 5 of the protocol: from bytes in memory to an active segment. */
export async function storeSegment(
  tiers: Tiers,
  tiered: Tiered,
  { bytes, tail, zone, rows }: WrittenSegment,
  { version, keys, commit }: Commit,
): Promise<{ rows: number; stale: number }> {
  const { manifest, cold, warm, working } = tiers;
  const { policy, table } = tiered;
  const name = foldName(policy.table);
  const key = `dosql/${manifest.object}/${encodeURIComponent(table.name).slice(0, 200)}/${crypto.randomUUID()}.parquet`;
  const sums = checksums(bytes.subarray(0, tail));
  // 2. Intent. The output gate holds the request of step 3 back until this row is durable.
  const id = await tiers.transaction(() => {
    const id = manifest.intend(name, key, version);
    working.add(id);
    return id;
  });
  try {
    await tiers.onStep('intended');
    // 3. Put, and check what arrived.
    const put = await cold.put(key, bytes, { ifAbsent: true });
    if (put?.size !== bytes.length)
      throw new DosqlError(
        'ARCHIVE_UNAVAILABLE',
        put ? `${key} has ${put.size} bytes instead of ${bytes.length}.` : `${key} is there already.`,
      );
    if (policy.verify) await verify(tiers, key, bytes);
    await tiers.onStep('put');
    // 4. Commit: the rows leave the table in the transaction in which the file becomes visible.
    const committed = await tiers.transaction(() => {
      if (!manifest.pending(id) || !isStill(tiers, name, tiered))
        throw new DosqlError('TIER_CONTENTION', `${key} was given up meanwhile.`);
      const { rows: left, stale, rowid } = commit();
      const footer = bytes.slice(tail);
      const live = rows - stale.size;
      manifest.activate(id, {
        rows,
        live,
        bytes: bytes.length,
        etag: put.etag,
        zone,
        keys,
        rowid,
        tail,
        footer,
        sums,
      });
      manifest.bury(id, stale);
      if (live === 0) manifest.kill([id]);
      manifest.bump();
      void tiers.onStep('committing');
      return { rows: left, stale: stale.size };
    });
    await tiers.onStep('committed');
    // 5. A copy for the warm store; losing it loses nothing.
    const seconds = Math.floor((policy.warmMs - policy.hotMs) / 1000);
    if (warm && seconds >= 60 && bytes.length <= MAX_COPY) {
      const until = Date.now() + seconds * 1000;
      const copied = await warm.put(key, bytes, { expirationTtl: seconds }).catch(() => undefined);
      if (copied)
        await tiers.transaction(() => {
          manifest.run("UPDATE _dosql_tier_seg SET warm_until=? WHERE id=? AND state='active'", until, id);
          // No row moved: whoever reads goes on.
          manifest.forget();
        });
    }
    await tiers.onStep('copied');
    return committed;
  } finally {
    working.delete(id);
  }
}

/** The table has the name and the columns that the file was written for: others would stay behind, or be lost. */
function isStill({ tables }: Tiers, name: string, { table, version }: Tiered): boolean {
  const now = tables.get(name);
  return now?.version === version && JSON.stringify(now.table) === JSON.stringify(table);
}
