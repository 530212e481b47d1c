import { DosqlError } from '../errors/index.ts';
import type { Cell } from '../relation/provider.ts';
import { beginAnew } from '../wal/images.ts';
import type { Segment } from './manifest.ts';
import { compareCells } from './order.ts';
import { foldCell, type StoredRow } from './rows.ts';
import { classed, kindsOf, segmentRows, tableOf } from './segment-rows.ts';
import { GROUP_ROWS, SegmentWriter } from './segment-writer.ts';
import { storeSegment } from './store-segment.ts';
import type { Tiered, Tiers } from './tiers.ts';

/** More adjacent small files than this become one. */
const MANY = 8;
/** Small: less than this part of what a policy asks for. */
const SMALL = 0.25;
/** A file with more buried rows than this part is written anew. */
const BURIED = 0.2;
/** Rows of a row group, by weight, as archiving makes them. */
const GROUP_BYTES = 8_000_000;

/** Files of a table that should become one, or undefined. */
export function nextCompaction({ manifest }: Tiers, tiered: Tiered, name: string): Segment[] | undefined {
  const segments = manifest.active(name);
  const buried = new Map(
    manifest.all('SELECT seg,count(*) FROM _dosql_tier_tomb GROUP BY seg') as [number, number][],
  );
  for (const segment of segments) if ((buried.get(segment.id) ?? 0) > segment.rows * BURIED) return [segment];
  const target = tiered.policy.segmentRows;
  const shape = (segment: Segment) => `${segment.version} ${kindsOf(tableOf(tiered, segment), segment)}`;
  let run: Segment[] = [];
  let rows = 0;
  for (const segment of segments) {
    const fitting = segment.rows < target * SMALL && (!run.length || shape(run[0]!) === shape(segment));
    if (!fitting || rows + segment.rows > target) {
      if (run.length > MANY) return run;
      run = [];
      rows = 0;
    }
    if (segment.rows >= target * SMALL) continue;
    run.push(segment);
    rows += segment.rows;
  }
  return run.length > MANY ? run : undefined;
}

/** Writes the visible rows of some files into one. Returns how many rows that were. @throws TIER_CONTENTION */
export async function compact(tiers: Tiers, tiered: Tiered, segments: readonly Segment[]): Promise<number> {
  const { manifest } = tiers;
  const [first] = segments as [Segment];
  const table = tableOf(tiered, first);
  const kinds = kindsOf(table, first);
  const by = table.columns.findIndex(({ id }) => id === tiered.table.columns[tiered.by]!.id);
  const writer = await SegmentWriter.open(table, kinds, by, first.version);
  const before = segments.map(({ id }) => manifest.tombstones(id));
  const keys = new Set<string>();
  const column = table.key[0]!;
  const { collate } = table.columns[column]!;
  let [lo, hi]: [Cell, Cell] = [null, null];
  let rowid: bigint | null = null;
  let group: StoredRow[] = [];
  let size = 0;
  const flush = () => {
    if (group.length) writer.write(group);
    group = [];
    size = 0;
  };
  for (const [i, segment] of segments.entries()) {
    // Those of `before`, however late the file is opened: what is buried since is counted at the commit.
    for await (const rows of segmentRows(tiers, tiered, segment, { buried: before[i]! })) {
      for (const row of rows) {
        keys.add(row.key);
        let classes = '';
        const cells = row.cells.map((value, i) => {
          const { cell, type } = classed(value, kinds[i]!);
          classes += type;
          size += typeof cell === 'string' || cell instanceof Uint8Array ? cell.length : 8;
          return cell;
        });
        const key = foldCell(cells[column]!, collate);
        if (lo === null || compareCells(key, lo) < 0) lo = key;
        if (hi === null || compareCells(key, hi) > 0) hi = key;
        const id = table.integerKey ? cells[column]! : row.rowid;
        if (table.rowid && (rowid === null || BigInt(id as number) > rowid)) rowid = BigInt(id as number);
        group.push({ cells, classes, at: `${id}` });
        if (group.length === GROUP_ROWS || size > GROUP_BYTES) flush();
      }
    }
  }
  flush();
  const written = writer.finish();
  const ids = segments.map(({ id }) => id);
  /** The files are not needed any more: of their rows, so many are in the new one. */
  const give = (kept: number) => {
    const name = manifest.tableOf(ids[0]!);
    // What did not come back either was replaced by rows of the same keys, and the log knows nothing of it. Or it came with
    // another rowid, by which it is another one to the log.
    if (manifest.live(ids) > kept || (table.rowid && manifest.rebuilt(ids))) beginAnew(tiers.engine, name);
    manifest.kill(ids);
  };
  if (!written.rows) {
    await tiers.transaction(() => {
      // Rows are only ever buried: what had none visible has none now.
      give(0);
      manifest.bump();
    });
    return 0;
  }
  await storeSegment(tiers, tiered, written, {
    version: first.version,
    keys: [lo, hi],
    commit: () => {
      const active = new Set(manifest.active(manifest.tableOf(ids[0]!)).map(({ id }) => id));
      if (!ids.every((id) => active.has(id)))
        throw new DosqlError('TIER_CONTENTION', 'A file was replaced while it was compacted.');
      // What was buried since the files were read. A new key that they do not have buries nothing.
      const stale = new Set<string>();
      for (const [i, id] of ids.entries())
        for (const key of manifest.tombstones(id)) if (!before[i]!.has(key) && keys.has(key)) stale.add(key);
      give(written.rows - stale.size);
      return { rows: 0, stale, rowid: rowid === null || manifest.rebuilt(ids) ? null : `${rowid}` };
    },
  });
  return written.rows;
}
