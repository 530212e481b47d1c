import { env } from 'cloudflare:test';
import { createTieredBackend, type TieredOptions, type TierPolicy } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';

export const DAY = 86_400_000;

export const EVENTS =
  'CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT COLLATE NOCASE, amount REAL, data BLOB, note)';

/** A policy for {@link EVENTS}. */
export const POLICY: TierPolicy = { table: 'events', by: 'at', unit: 'ms', hot: '1d', segmentRows: 1000 };

/** A database with tiers on the real local R2 and KV. */
export function openTiers(
  hot: DurableObjectStorage,
  options: Partial<TieredOptions> = {},
  extensions: Parameters<typeof DB>[1]['extensions'] = [],
) {
  const storage = createTieredBackend({
    hot,
    cold: env.BUCKET,
    warm: env.WARM,
    tables: [POLICY],
    ...options,
  });
  return DB('tiered', { storage, extensions: [...(extensions ?? [])] });
}
export type Tiered = Awaited<ReturnType<typeof openTiers>>;

/** Rows that are `old` of them before a day ago, and one per minute from then on. */
export async function fill(db: Tiered, count: number, first = 1): Promise<void> {
  const start = Date.now() - 10 * DAY;
  for (let from = first; from < first + count; from += 500) {
    const to = Math.min(from + 500, first + count) - 1;
    await db.run(
      `WITH RECURSIVE n(i) AS (VALUES (${from}) UNION ALL SELECT i + 1 FROM n WHERE i < ${to})
       INSERT INTO events SELECT i, ${start} + i * 60000, CASE i % 3 WHEN 0 THEN 'Click' WHEN 1 THEN 'view' ELSE NULL END,
         i / 7.0, CASE WHEN i % 5 = 0 THEN unhex(printf('%04x', i)) END, CASE WHEN i % 2 THEN 'n' || i END FROM n`,
    );
  }
}

export interface Totals {
  n: number;
  ids: number;
  sum: number;
}

export const TOTALS = 'SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS sum FROM events';

/** Rows that are still in the table itself. */
export async function hotRows(db: Tiered): Promise<number> {
  return (await db.query<{ n: number }>('SELECT count(*) AS n FROM events', [], { tier: 'hot' })).rows[0]!.n;
}
