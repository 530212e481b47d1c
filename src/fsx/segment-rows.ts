import type { Cell, Predicate } from '../relation/provider.ts';
import { foldName } from '../sql/identifier.ts';
import { type Kind, untag } from './kinds.ts';
import { kindIn, type Segment } from './manifest.ts';
import { keyText } from './rows.ts';
import type { TierTable } from './table.ts';
import type { Tiered, Tiers } from './tiers.ts';
import { mayMeet } from './zone.ts';

/** One visible row of a segment, by the columns that its file has. */
export interface ArchivedRow {
  readonly key: string;
  /** By position in the columns as they were when the file was written; what was not asked for is null. */
  readonly cells: Cell[];
  /** Rowid, where the table has one beside its key. */
  readonly rowid: number | bigint | null;
}

export interface SegmentScan {
  /** Ids of the columns; default: all, and the rowid. */
  readonly columns?: readonly number[];
  /** By id of the column. */
  readonly predicates?: readonly Predicate[];
  /** Keys of rows to leave out; default: what is buried when the reading begins. */
  readonly buried?: ReadonlySet<string>;
  readonly report?: (report: { rowGroupsRead: number; rowGroupsSkipped: number; bytesRead: number }) => void;
}

/** The table as it was when a segment was written. */
export function tableOf({ versions, table }: Tiered, { version }: Segment): TierTable {
  return versions.get(version) ?? table;
}

/** Predicates that the zone map and statistics of a segment can decide: the column must still mean the same. */
export function decidable(tiered: Tiered, segment: Segment, predicates: readonly Predicate[]): Predicate[] {
  const written = tableOf(tiered, segment);
  return predicates.filter(({ column }) => {
    const now = tiered.table.columns.find(({ id }) => id === column);
    const then = written.columns.find(({ id }) => id === column);
    // Collations other than BINARY compare in another way than files sort.
    return now && then && now.affinity === then.affinity && !now.collate && !then.collate;
  });
}

/** False when no row of the segment can meet the conditions. */
export function survives(tiered: Tiered, segment: Segment, predicates: readonly Predicate[]): boolean {
  return decidable(tiered, segment, predicates).every((predicate) => {
    const zone = segment.zone[predicate.column];
    return !zone || mayMeet(zone, segment.rows, predicate);
  });
}

/** Visible rows of a segment, in batches; more than the predicates ask for, never fewer. @throws ARCHIVE_UNAVAILABLE */
export async function* segmentRows(
  { files, manifest }: Tiers,
  tiered: Tiered,
  segment: Segment,
  { columns, predicates = [], buried, report }: SegmentScan = {},
): AsyncGenerator<ArchivedRow[]> {
  const table = tableOf(tiered, segment);
  const file = await files.open(segment);
  const position = new Map(file.columns.map(({ name }, i) => [foldName(name), i]));
  const at = (id: number) => table.columns.findIndex((column) => column.id === id);
  const wanted = columns
    ? [...new Set([...columns.map(at).filter((i) => i >= 0), ...table.key])].sort((a, b) => a - b)
    : table.columns.map((_, i) => i);
  const inFile = wanted.map((i) => position.get(foldName(table.columns[i]!.name))!);
  const rowid = !columns && table.rowid && !table.integerKey;
  if (rowid) inFile.push(table.columns.length);
  const scan = {
    columns: inFile,
    predicates: decidable(tiered, segment, predicates)
      .filter(({ column }) => kindIn(segment, column) !== 'j')
      .map((predicate) => ({
        ...predicate,
        column: position.get(foldName(table.columns[at(predicate.column)]!.name))!,
      })),
  };
  const gone = buried ?? manifest.tombstones(segment.id);
  const tagged = table.key.filter((i) => kindIn(segment, table.columns[i]!.id) === 'j');
  for await (const batch of file.scan(scan, report)) {
    const rows: ArchivedRow[] = [];
    for (const values of batch) {
      const cells: Cell[] = new Array(table.columns.length).fill(null);
      for (let i = 0; i < wanted.length; i++) cells[wanted[i]!] = values[i]!;
      const plain = tagged.length ? [...cells] : cells;
      for (const i of tagged) plain[i] = untag(cells[i] as string).cell;
      const key = keyText(table, plain);
      if (!gone.has(key))
        rows.push({ key, cells, rowid: rowid ? (values[wanted.length] as number | bigint) : null });
    }
    if (rows.length) yield rows;
  }
}

/** The kinds of a table's columns in one file. */
export function kindsOf(table: TierTable, segment: Segment): Kind[] {
  return table.columns.map(({ id }) => kindIn(segment, id) ?? 'b');
}

/** A cell of a file and the class that it has in the table. */
export function classed(cell: Cell, kind: Kind): { cell: Cell; type: string } {
  if (cell === null) return { cell, type: 'n' };
  return kind === 'j' ? untag(cell as string) : { cell, type: kind };
}
