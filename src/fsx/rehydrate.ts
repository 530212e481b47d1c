import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import { beginAnew, largestRowids } from '../wal/images.ts';
import type { Segment } from './manifest.ts';
import { type ArchivedRow, classed, kindsOf, tableOf } from './segment-rows.ts';
import { withoutTriggers } from './suspend.ts';
import { qualified } from './table.ts';
import type { Tiered, Tiers } from './tiers.ts';

/** An archived row and the file it is in. */
export interface Kept {
  readonly segment: Segment;
  readonly row: ArchivedRow;
}

/** Puts archived rows back into their table and buries them in their files. To be called inside a transaction. */
export function rehydrate(tiers: Tiers, tiered: Tiered, kept: readonly Kept[]): void {
  if (!kept.length) return;
  const { manifest } = tiers;
  const segments = new Map<Segment, ArchivedRow[]>();
  for (const { segment, row } of kept) {
    const rows = segments.get(segment);
    if (rows) rows.push(row);
    else segments.set(segment, [row]);
  }
  withoutTriggers(manifest, tiered.table.name, () => {
    for (const [segment, rows] of segments) insert(tiers, tiered, segment, rows);
  });
  for (const [{ id, live, rows: all }, rows] of segments) {
    const { table } = tiered;
    manifest.bury(
      id,
      rows.map(({ key }) => key),
    );
    manifest.run('UPDATE _dosql_tier_seg SET live=live-? WHERE id=?', rows.length, id);
    if (Math.min(live, all) > rows.length) continue;
    // To the log those that got other rowids are others.
    if (table.rowid && manifest.rebuilt([id])) beginAnew(tiers.engine, table.name);
    manifest.kill([id]);
  }
  manifest.bump();
}

function insert(
  { manifest, engine }: Tiers,
  tiered: Tiered,
  segment: Segment,
  rows: readonly ArchivedRow[],
): void {
  const written = tableOf(tiered, segment);
  const kinds = kindsOf(written, segment);
  const { table } = tiered;
  // What the file does not have takes its default.
  const pairs = table.columns.flatMap(({ id, name, generated }) => {
    const at = written.columns.findIndex((column) => column.id === id);
    return generated || at < 0 ? [] : [{ at, name: quoteIdentifier(name) }];
  });
  const rebuilt = table.rowid && manifest.rebuilt([segment.id]);
  // Nobody's: neither of another file's row, nor in the log.
  const taken = rebuilt
    ? ['0', ...manifest.rowids(foldName(table.name)), ...largestRowids(engine, table.name)]
    : [];
  for (const { cells, rowid } of rows) {
    const values: SqlValue[] = [];
    // workerd: every number binds as REAL, and a BigInt not at all.
    const bind = (type: string, value: SqlValue): string => {
      values.push(type === 'i' ? `${value}` : value);
      return type === 'i' ? 'CAST(? AS INTEGER)' : '?';
    };
    const marks = pairs.map(({ at }) => {
      const { cell, type } = classed(cells[at]!, kinds[at]!);
      return bind(type, cell as SqlValue);
    });
    const names = pairs.map(({ name }) => name);
    if (rowid !== null && table.rowid) {
      names.push(table.rowid);
      // Another row may have it.
      marks.push(
        rebuilt
          ? `(SELECT max(coalesce(max(${table.rowid}),0),${taken})+1 FROM ${qualified(table)})`
          : `(SELECT iif(EXISTS(SELECT 1 FROM ${qualified(table)} WHERE ${table.rowid}=_dosql_r),NULL,_dosql_r) FROM(SELECT ${bind('i', rowid)} _dosql_r))`,
      );
    }
    manifest.run(`INSERT INTO ${qualified(table)}(${names}) VALUES(${marks})`, ...values);
  }
}
