/** What changed between two results of one query. */
export interface Diff<Row> {
  /** In the order of the new result. */
  added: Row[];
  /** In the order of the old result. */
  removed: Row[];
  changed: { before: Row; after: Row }[];
  /** Rows that are in both results follow each other in another order. */
  reordered: boolean;
}

/** A row as it is stored, and as the user sees it. */
export interface Kept<Row> {
  readonly raw: readonly unknown[];
  row: Row;
}

/** A result by key, in its order. */
export type Result<Row> = ReadonlyMap<unknown, Kept<Row>>;

/**
 * The new result and what it changed. Rows that are stored as before stay the same objects; `decode` makes objects of the
 * others, all at once. Rows of equal keys are told apart by their number.
 */
export function nextResult<Row>(
  before: Result<Row>,
  raws: readonly (readonly unknown[])[],
  keyOf: (raw: readonly unknown[]) => unknown,
  decode: (raws: readonly (readonly unknown[])[]) => Row[],
): { result: Result<Row>; diff: Diff<Row> } {
  const result = new Map<unknown, Kept<Row>>();
  const fresh: Kept<Row>[] = [];
  const repeats = new Map<unknown, number>();
  for (const raw of raws) {
    let key = keyOf(raw);
    while (result.has(key)) {
      const n = (repeats.get(key) ?? 1) + 1;
      repeats.set(key, n);
      key = `${n} of ${typeof key} ${String(key)}`;
    }
    const known = before.get(key);
    if (known && sameRaw(known.raw, raw)) result.set(key, known);
    else {
      const kept = { raw, row: undefined as Row };
      result.set(key, kept);
      fresh.push(kept);
    }
  }
  if (fresh.length > 0) {
    const rows = decode(fresh.map(({ raw }) => raw));
    for (let i = 0; i < fresh.length; i++) fresh[i]!.row = rows[i] as Row;
  }
  return { result, diff: compare(before, result) };
}

function compare<Row>(before: Result<Row>, after: Result<Row>): Diff<Row> {
  const diff: Diff<Row> = { added: [], removed: [], changed: [], reordered: false };
  const places = new Map<unknown, number>();
  for (const [key, { row }] of before) {
    places.set(key, places.size);
    if (!after.has(key)) diff.removed.push(row);
  }
  let last = -1;
  for (const [key, kept] of after) {
    const old = before.get(key);
    if (old === undefined) {
      diff.added.push(kept.row);
      continue;
    }
    const place = places.get(key)!;
    if (place < last) diff.reordered = true;
    last = place;
    if (old !== kept) diff.changed.push({ before: old.row, after: kept.row });
  }
  return diff;
}

/** Nothing to tell. */
export function isEmpty({ added, removed, changed, reordered }: Diff<unknown>): boolean {
  return added.length + removed.length + changed.length === 0 && !reordered;
}

function sameRaw(a: readonly unknown[], b: readonly unknown[]): boolean {
  for (let i = 0; i < a.length; i++) if (!sameValue(a[i], b[i])) return false;
  return true;
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!(a instanceof Uint8Array && b instanceof Uint8Array) || a.length !== b.length) return false;
  return a.every((byte, i) => byte === b[i]);
}

/** One value that is equal where these stored values are. */
export function keyOf(values: readonly unknown[]): unknown {
  const [only] = values;
  if (values.length === 1 && (typeof only === 'number' || (typeof only === 'string' && only[0] !== '[')))
    return only;
  return JSON.stringify(values.map(keyPart));
}

/** JSON knows no bigint, no infinity and no bytes. */
function keyPart(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
    ? [String(value)]
    : value;
}
