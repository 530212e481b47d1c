import { drain } from '../engine/cursor.ts';
import type {
  Cell,
  Predicate,
  RelationColumn,
  RelationProvider,
  Scan,
  ScanReport,
} from '../relation/provider.ts';
import { defaultSql } from '../sql/default.ts';
import { foldName } from '../sql/identifier.ts';
import type { Segment } from './manifest.ts';
import type { Kept } from './rehydrate.ts';
import { storedSql } from './rows.ts';
import { type ArchivedRow, classed, kindsOf, segmentRows, survives, tableOf } from './segment-rows.ts';
import type { TierColumn } from './table.ts';
import type { Tiered, Tiers } from './tiers.ts';

/** A whole REAL as text with a point: no affinity will make one of it. */
const real = (cell: Cell): Cell =>
  Number.isSafeInteger(cell) && !Object.is(cell, -0) ? (JSON.rawJSON(`${cell}.0`) as Cell) : cell;

/** The archived rows of one table, for one execution of a statement. */
export class ArchivedRows implements RelationProvider {
  readonly #segments: readonly Segment[];
  readonly #stamp: string;
  /** Rows that came by, with their keys, where somebody is going to put them back. */
  readonly kept: Map<string, Kept> | undefined;

  constructor(
    readonly tiers: Tiers,
    readonly tiered: Tiered,
    keep: boolean,
  ) {
    const { manifest } = tiers;
    this.#stamp = manifest.stamp();
    this.#segments = manifest.active(foldName(tiered.table.name));
    this.kept = keep ? new Map() : undefined;
  }

  /** No row has moved since. */
  valid(): boolean {
    return this.tiers.manifest.stamp() === this.#stamp;
  }

  async columns(): Promise<readonly RelationColumn[]> {
    return this.tiered.table.columns.map(({ name, affinity, collate }) => ({
      name,
      affinity,
      ...(collate && { collate }),
    }));
  }

  /** Predicates by the id of their column, and the segments that may have such rows. */
  #plan({ predicates }: Scan): { predicates: Predicate[]; segments: Segment[] } {
    const { tiered } = this;
    const byId = predicates.map((predicate) => ({
      ...predicate,
      column: tiered.table.columns[predicate.column]!.id,
    }));
    return {
      predicates: byId,
      segments: this.#segments.filter((segment) => survives(tiered, segment, byId)),
    };
  }

  async *scan(scan: Scan): AsyncGenerator<Cell[][]> {
    const { tiers, tiered, kept } = this;
    const { predicates, segments } = this.#plan(scan);
    let left = scan.limit ?? Number.POSITIVE_INFINITY;
    for (const segment of segments) {
      if (left <= 0) return;
      const project = this.#projection(segment, scan.columns);
      const ids = scan.columns.map((at) => tiered.table.columns[at]!.id);
      for await (const rows of segmentRows(tiers, tiered, segment, {
        predicates,
        ...(!kept && { columns: ids }),
      })) {
        if (kept) for (const row of rows) kept.set(row.key, { segment, row });
        yield rows.map(project);
        left -= rows.length;
        if (left <= 0) return;
      }
    }
  }

  /** From the columns of a file to those that are asked for. */
  #projection(segment: Segment, columns: readonly number[]): (row: ArchivedRow) => Cell[] {
    const written = tableOf(this.tiered, segment);
    const kinds = kindsOf(written, segment);
    const sources = columns.map((at) => {
      const column = this.tiered.table.columns[at]!;
      const from = written.columns.findIndex(({ id }) => id === column.id);
      const missing = from < 0 ? this.#fallback(column) : null;
      return { from, kind: kinds[from]!, missing, plain: column.affinity === '' };
    });
    return ({ cells }) =>
      sources.map(({ from, kind, missing, plain }) => {
        if (from < 0) return missing;
        const { cell, type } = classed(cells[from]!, kind);
        return plain && type === 'r' ? real(cell) : cell;
      });
  }

  /** The value that rows had which were there before the column. */
  #fallback({ fallback, affinity }: TierColumn): Cell {
    if (fallback === undefined) return null;
    const value = storedSql('v', affinity);
    const [[found, type, text]] = drain(
      this.tiers.engine.sql.exec(
        `SELECT w,typeof(w),CAST(w AS TEXT) FROM(SELECT ${value} AS w FROM(SELECT (${defaultSql(fallback)}) AS v))`,
      ),
    ) as [[Cell | ArrayBuffer, string, string]];
    if (type === 'integer') return BigInt(text);
    if (type === 'real' && affinity === '') return real(found as Cell);
    return found instanceof ArrayBuffer ? new Uint8Array(found) : found;
  }

  async inspect(scan: Scan): Promise<ScanReport> {
    const { predicates, segments } = this.#plan(scan);
    const total = { rowGroupsRead: 0, rowGroupsSkipped: 0, bytesRead: 0 };
    for (const segment of segments) {
      const file = await this.tiers.files.open(segment);
      const position = new Map(file.columns.map(({ name }, i) => [foldName(name), i]));
      const columnAt = (id: number) =>
        position.get(
          foldName(tableOf(this.tiered, segment).columns.find((column) => column.id === id)?.name ?? ''),
        );
      const found = await file.inspect({
        columns: [],
        predicates: predicates.flatMap((predicate) => {
          const column = columnAt(predicate.column);
          return column === undefined ? [] : [{ ...predicate, column }];
        }),
      });
      total.rowGroupsRead += found.rowGroupsRead;
      total.rowGroupsSkipped += found.rowGroupsSkipped;
    }
    return {
      relation: this.tiered.table.name,
      filesRead: segments.length,
      filesSkipped: this.#segments.length - segments.length,
      ...total,
    };
  }
}
