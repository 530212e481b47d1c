import type { Cell } from '../relation/provider.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { utf8 } from '../sql/literal.ts';
import { logImages } from '../wal/images.ts';
import { classMask, fits, type Kind, kindOf } from './kinds.ts';
import { compareCells } from './order.ts';
import { checkUnit, olderThan } from './policy.ts';
import {
  archivable,
  fingerprint,
  foldCell,
  isPortable,
  keyText,
  locatorChunks,
  rowReader,
  type StoredRow,
} from './rows.ts';
import { GROUP_ROWS, SegmentWriter, type WrittenSegment } from './segment-writer.ts';
import { storeSegment } from './store-segment.ts';
import { withoutTriggers } from './suspend.ts';
import { qualified, type TierTable } from './table.ts';
import type { Tiered, Tiers } from './tiers.ts';

/** Most bytes of a row group's rows, and of a file: KV holds values of up to 25 MiB. */
const GROUP_BYTES = 8_000_000;
const FILE_BYTES = 16_000_000;
/** SQLite 3.53: at most 100 aggregates in a SELECT; the classes of a column take five. */
const MASKS = 20;

/** Rows that were written into a file. */
export interface WrittenRow {
  readonly at: string;
  readonly hash: readonly [number, number];
}

/** What became of one batch. */
export interface ArchivedBatch {
  /** Rows that left the table. */
  rows: number;
  /** Rows that changed while the file was written, and stayed. */
  stale: number;
}

/**
 * Moves the oldest rows before `time` into one new file; undefined when there are none. Rows that change meanwhile stay.
 * docs/formats/archive.md numbers the steps.
 */
export async function archiveBatch(
  tiers: Tiers,
  tiered: Tiered,
  time: number,
): Promise<ArchivedBatch | undefined> {
  // 1. Select. Rows that stay are passed over: behind them may be others.
  for (let skipped = 0; ; ) {
    const batch = await tiers.turn(() => select(tiers, tiered, time, skipped));
    if (!batch.locators.length) return undefined;
    await tiers.onStep('selected');
    const content = await write(tiers, tiered, batch);
    skipped += batch.locators.length;
    if (!content.written.rows) continue;
    // 2. to 5.
    return storeSegment(tiers, tiered, content.written, {
      version: tiered.version,
      keys: content.keys,
      commit: () => ({ ...leave(tiers, tiered, content), rowid: content.rowid }),
    });
  }
}

interface Batch {
  readonly locators: string[];
  readonly kinds: readonly Kind[];
}

function select({ manifest }: Tiers, { table, policy, by }: Tiered, time: number, skipped: number): Batch {
  const { columns, key, rowid } = table;
  const age = columns[by]!;
  const column = quoteIdentifier(age.name);
  const text = isText(
    manifest.all(`SELECT typeof(${column}) FROM ${qualified(table)} WHERE ${column} IS NOT NULL LIMIT 1`),
    age.affinity,
  );
  const reader = rowReader(table);
  const order = [column, ...(rowid ? [rowid] : key.map((at) => quoteIdentifier(columns[at]!.name)))];
  const where = `${olderThan(column, text, policy.unit, time)}${archivable(table)}`;
  const limit = `LIMIT ${policy.segmentRows} OFFSET ${skipped}`;
  const found = manifest.all(
    rowid
      ? `SELECT CAST(${rowid} AS TEXT),${column} FROM ${qualified(table)} WHERE ${where} ORDER BY ${order} ${limit}`
      : `SELECT ${reader.list} FROM ${qualified(table)} t WHERE ${where} ORDER BY ${order.map((name) => `t.${name}`)} ${limit}`,
  );
  const locators = found.map((row) => {
    const stored = rowid ? undefined : reader.decode(row);
    checkUnit(policy, stored ? stored.cells[by] : row[1]);
    return stored ? stored.at : `${row[0]}`;
  });
  const masks: number[] = columns.map(() => 0);
  for (const chunk of locatorChunks(locators)) {
    for (let from = 0; from < columns.length; from += MASKS) {
      const some = columns.slice(from, from + MASKS).map(classMask);
      const [row] = manifest.all(
        `SELECT ${some} FROM json_each(?) j JOIN ${qualified(table)} t ON ${reader.join}`,
        chunk,
      ) as number[][];
      row!.forEach((mask, i) => {
        masks[from + i]! |= mask;
      });
    }
  }
  const kinds = columns.map((column, i) => kindOf(table.name, column, masks[i]!, policy.mixed));
  return { locators, kinds };
}

/** Columns of dates hold texts or numbers; where the declared type leaves it open, the first value tells. */
function isText([first]: unknown[][], affinity: string): boolean {
  if (affinity === 'TEXT') return true;
  return affinity !== 'INTEGER' && affinity !== 'REAL' && first?.[0] === 'text';
}

/** A file and what it holds. */
export interface Content {
  readonly written: WrittenSegment;
  /** By the text of their keys. */
  readonly rows: Map<string, WrittenRow>;
  /** Least and greatest value of the key's first column. */
  readonly keys: readonly [Cell, Cell];
  readonly rowid: string | null;
}

/** Reads and encodes one row group after the other, each in a turn of its own. */
async function write(tiers: Tiers, tiered: Tiered, { locators, kinds }: Batch): Promise<Content> {
  const { table, by, version } = tiered;
  const { manifest } = tiers;
  const reader = rowReader(table);
  const writer = await SegmentWriter.open(table, kinds, by, version);
  const rows = new Map<string, WrittenRow>();
  const first = table.key[0]!;
  const { collate } = table.columns[first]!;
  let [lo, hi]: [Cell, Cell] = [null, null];
  let rowid = -(2n ** 63n);
  let group: StoredRow[] = [];
  let [size, seen, bytes, step] = [0, 0, 0, 16];
  const flush = () => {
    writer.write(group);
    for (const row of group) {
      const key = foldCell(row.cells[first]!, collate);
      if (lo === null || compareCells(key, lo) < 0) lo = key;
      if (hi === null || compareCells(key, hi) > 0) hi = key;
      if (table.rowid && BigInt(row.at) > rowid) rowid = BigInt(row.at);
      rows.set(keyText(table, row.cells), { at: row.at, hash: fingerprint(row) });
    }
    group = [];
    size = 0;
  };
  for (let at = 0; at < locators.length && writer.size < FILE_BYTES; ) {
    const wanted = locators.slice(at, at + Math.min(step, GROUP_ROWS - group.length));
    at += wanted.length;
    for (const chunk of locatorChunks(wanted)) {
      const found = await tiers.turn(() =>
        manifest.all(
          `SELECT ${reader.list} FROM json_each(?) j JOIN ${qualified(table)} t ON ${reader.join} ORDER BY j.key`,
          chunk,
        ),
      );
      for (const values of found) {
        const row = reader.decode(values);
        const weight = weightOf(row);
        bytes += weight;
        seen++;
        // A value of another class came meanwhile: the row stays for the next file.
        if (!fits(kinds, row.classes, row.cells) || !isPortable(row)) continue;
        // Text that is no UTF-8 arrives with this in the place of its bytes.
        if (row.cells.some(isDoubtful) && !(await tiers.turn(() => isExact(tiers, table, row)))) continue;
        group.push(row);
        size += weight;
      }
    }
    // As many rows at once as their average size allows: a row may have megabytes.
    step = Math.max(1, Math.min(GROUP_ROWS, Math.floor(GROUP_BYTES / 2 / (bytes / Math.max(seen, 1) + 1))));
    if (group.length >= GROUP_ROWS || size >= GROUP_BYTES) flush();
  }
  if (group.length) flush();
  return { written: writer.finish(), rows, keys: [lo, hi], rowid: table.rowid ? `${rowid}` : null };
}

const isDoubtful = (cell: Cell): boolean => typeof cell === 'string' && cell.includes('\uFFFD');

/** The texts of a row are in the table as they were read. */
function isExact({ manifest }: Tiers, table: TierTable, { cells, at }: StoredRow): boolean {
  const columns = table.columns.filter((_, i) => isDoubtful(cells[i]!));
  const same = columns.map(({ name }) => `CAST(t.${quoteIdentifier(name)} AS BLOB)=?`).join(' AND ');
  return (
    manifest.all(
      `SELECT 1 FROM json_each(?) j JOIN ${qualified(table)} t ON ${rowReader(table).join} WHERE ${same}`,
      `[${at}]`,
      ...cells.filter(isDoubtful).map((cell) => utf8(cell as string)),
    ).length > 0
  );
}

/** About how many bytes a row takes. */
export function weightOf({ cells }: StoredRow): number {
  let weight = 0;
  for (const cell of cells)
    weight += typeof cell === 'string' ? cell.length : cell instanceof Uint8Array ? cell.length : 8;
  return weight;
}

/** 4. Inside the transaction: rows that are as written leave, the others are buried in the file. */
function leave(tiers: Tiers, { table, policy }: Tiered, { rows }: Content) {
  const { manifest } = tiers;
  const reader = rowReader(table);
  const same: string[] = [];
  const stale = new Set(rows.keys());
  const reach = [...rows.values()].map(({ at }) => at);
  for (const chunk of locatorChunks(reach)) {
    for (const values of tiers.engine.sql
      .exec(`SELECT ${reader.list} FROM json_each(?) j JOIN ${qualified(table)} t ON ${reader.join}`, chunk)
      .raw()) {
      const row = reader.decode(values as unknown[]);
      const key = keyText(table, row.cells);
      const written = rows.get(key);
      const hash = fingerprint(row);
      if (written?.at !== row.at || written.hash[0] !== hash[0] || written.hash[1] !== hash[1]) continue;
      same.push(row.at);
      stale.delete(key);
    }
  }
  withoutTriggers(manifest, table.name, () => {
    for (const chunk of locatorChunks(same)) {
      logImages(tiers.engine, table.name, reader.among, chunk);
      manifest.run(`DELETE FROM ${qualified(table)} WHERE ${reader.among}`, chunk);
    }
  });
  return { name: foldName(policy.table), rows: same.length, stale };
}
