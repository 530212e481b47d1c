import { beginAnew } from '../wal/images.ts';
import type { Tiers } from './tiers.ts';

const DAY = 86_400_000;

/**
 * Gives up what an earlier instance, or a failed call, left unfinished. Returns how many files there were. They wait as
 * dead ones do: in a database that was restored to an earlier point, a file may look unfinished that is not.
 */
export async function recover(tiers: Tiers): Promise<number> {
  const { manifest } = tiers;
  let found = 0;
  for (const [id] of manifest.all("SELECT id FROM _dosql_tier_seg WHERE state='pending'") as [number][]) {
    if (tiers.working.has(id)) continue;
    await tiers.transaction(() => manifest.kill([id]));
    found++;
  }
  if (found) await tiers.onStep('recovered');
  return found;
}

/** Deletes the objects of segments that have been dead for long enough. */
export async function collect(tiers: Tiers, before: number, late: () => boolean): Promise<number> {
  const { manifest, cold, warm } = tiers;
  let found = 0;
  const dead = manifest.all(
    "SELECT id,key,warm_until,tbl,live FROM _dosql_tier_seg WHERE state='dead' AND dead_at<?",
    before,
  );
  for (const [id, key, copied, table, live] of dead as [number, string, number | null, string, number][]) {
    if (late()) break;
    await cold.delete(key);
    if (copied) await warm?.delete(key).catch(() => {});
    await tiers.transaction(() => {
      // Of an earlier version, which did not tell the log of rows that were lost.
      if (live) beginAnew(tiers.engine, table);
      manifest.run("DELETE FROM _dosql_tier_seg WHERE id=? AND state='dead'", id);
    });
    found++;
  }
  return found;
}

/**
 * Once a day: deletes objects that no segment names, which a put that came too late may have left. They wait as dead ones
 * do: a database that was restored to an earlier point does not name them, and may be brought back.
 */
export async function sweep(
  tiers: Tiers,
  now: number,
  keepDeadMs: number,
  late: () => boolean,
): Promise<number> {
  const { manifest, cold } = tiers;
  const [[last]] = manifest.all('SELECT swept_at FROM _dosql_tier_meta') as [[number]];
  if (now - last < DAY) return 0;
  let found = 0;
  let cursor: string | undefined;
  do {
    if (late()) return found;
    const page = await cold.list(`dosql/${manifest.object}/`, cursor ? { cursor } : {});
    for (const { key, uploaded } of page.objects) {
      if (
        now - uploaded < Math.max(DAY, keepDeadMs) ||
        manifest.all('SELECT 1 FROM _dosql_tier_seg WHERE key=?', key).length
      )
        continue;
      await cold.delete(key);
      found++;
    }
    cursor = page.cursor;
  } while (cursor);
  await tiers.transaction(() => manifest.run('UPDATE _dosql_tier_meta SET swept_at=?', now));
  return found;
}
