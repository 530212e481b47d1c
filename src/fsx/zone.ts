import type { Cell, Predicate } from '../relation/provider.ts';
import type { Kind } from './kinds.ts';
import { compareCells } from './order.ts';

/** Of one column in one file: its kind, least and greatest value (null: not known), and how many are NULL. */
export type Zone = [kind: Kind, min: string | number | null, max: string | number | null, nulls: number];

/** By the id of the column. */
export type ZoneMap = Record<string, Zone>;

/** Longer texts are cut in the map. */
const LONGEST = 64;

/** Widens a zone to hold another value. */
export class ZoneBuilder {
  #min: Cell = null;
  #max: Cell = null;
  nulls = 0;

  constructor(readonly kind: Kind) {}

  add(cell: Cell): void {
    if (cell === null) this.nulls++;
    else if (this.kind !== 'b' && this.kind !== 'j') {
      if (this.#min === null || compareCells(cell, this.#min) < 0) this.#min = cell;
      if (this.#max === null || compareCells(cell, this.#max) > 0) this.#max = cell;
    }
  }

  get zone(): Zone {
    return [this.kind, bound(this.#min, false), bound(this.#max, true), this.nulls];
  }
}

/** What JSON can carry: an integer beyond ±(2^53-1) as text of digits, an infinite or a long upper bound not at all. */
function bound(cell: Cell, upper: boolean): string | number | null {
  if (typeof cell === 'string') return cell.length <= LONGEST ? cell : upper ? null : cell.slice(0, LONGEST);
  if (typeof cell === 'bigint') return `${cell}`;
  return Number.isFinite(cell) ? (cell as number) : null;
}

/** False when no row of the file can meet the condition. */
export function mayMeet([kind, low, high, nulls]: Zone, rows: number, { op, values }: Predicate): boolean {
  if (op === 'not null' || nulls === rows) return nulls < rows;
  const text = kind === 't';
  // Where classes differ the column's affinity decides, which only SQLite does right.
  if (kind === 'b' || kind === 'j' || !values.every((value) => (typeof value === 'string') === text))
    return true;
  const exact = (value: string | number | null) =>
    kind === 'i' && typeof value === 'string' ? BigInt(value) : value;
  const min = exact(low);
  const max = exact(high);
  const above = (value: Cell) => max !== null && compareCells(value, max) > 0;
  const below = (value: Cell) => min !== null && compareCells(value, min) < 0;
  const [first, second] = values as [Cell, Cell];
  switch (op) {
    case '<':
      return min === null || compareCells(first, min) > 0;
    case '<=':
      return !below(first);
    case '>':
      return max === null || compareCells(first, max) < 0;
    case '>=':
      return !above(first);
    case 'between':
      return !above(first) && !below(second);
    default:
      return values.some((value) => !above(value) && !below(value));
  }
}
