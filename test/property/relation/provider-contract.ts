import { expect } from 'vitest';
import type { Cell, Predicate, RelationProvider, Scan } from '../../../src/relation/provider.ts';

/** What a suite gives to the contract: a new provider each time, over the same rows. */
export interface ContractSubject {
  open(): RelationProvider | Promise<RelationProvider>;
  /** All rows, one cell per column, as SQLite will see them: booleans as 0 and 1. */
  readonly rows: readonly (readonly Cell[])[];
  /** Order does not matter to the source. */
  readonly unordered?: boolean;
}

const plain = (cell: Cell): Cell => (typeof cell === 'boolean' ? Number(cell) : cell);

async function read(provider: RelationProvider, scan: Scan): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const batch of provider.scan(scan)) for (const row of batch) rows.push(row.map(plain));
  return rows;
}

const key = (row: readonly Cell[]) =>
  row.map((cell) => (cell instanceof Uint8Array ? `x'${cell}'` : `${typeof cell} ${cell}`)).join('\u0001');
const sorted = (rows: readonly (readonly Cell[])[]) => rows.map(key).sort();

/** The order of cells of one class, as SQLite has it; undefined for cells that a predicate must not compare. */
function order(cell: Cell, value: Predicate['values'][number]): number | undefined {
  if (typeof cell === 'string' && typeof value === 'string') {
    const [a, b] = [new TextEncoder().encode(cell), new TextEncoder().encode(value)];
    for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
    return a.length - b.length;
  }
  const number = (x: unknown): x is number | bigint => typeof x === 'number' || typeof x === 'bigint';
  return number(cell) && number(value) ? (cell < value ? -1 : cell > value ? 1 : 0) : undefined;
}

/** Whether a row meets a predicate; what cannot be compared must be delivered. */
function meets({ op, values }: Predicate, cell: Cell): boolean {
  if (cell === null) return false;
  if (op === 'not null') return true;
  const found = values.map((value) => order(cell, value));
  if (found.some((one) => one === undefined)) return true;
  const [a, b] = found as [number, number];
  if (op === 'in') return found.includes(0);
  if (op === 'between') return a >= 0 && b <= 0;
  return op === '=' ? a === 0 : op === '<' ? a < 0 : op === '<=' ? a <= 0 : op === '>' ? a > 0 : a >= 0;
}

/** What every provider must do, whatever it reads from. Each property is one test of the suite that calls it. */
export const PROVIDER_CONTRACT: Readonly<Record<string, (subject: ContractSubject) => Promise<void>>> = {
  'delivers every row once with all columns, and again when asked again': async ({
    open,
    rows,
    unordered,
  }) => {
    const provider = await open();
    const columns = await provider.columns();
    const scan = { columns: columns.map((_, c) => c), predicates: [] };
    for (let time = 0; time < 2; time++) {
      const found = await read(provider, scan);
      if (unordered) expect(sorted(found)).toEqual(sorted(rows));
      else expect(found.map(key)).toEqual(rows.map(key));
    }
  },
  'names its columns once each, and the same each time': async ({ open, rows }) => {
    const provider = await open();
    const columns = await provider.columns();
    expect(await provider.columns()).toEqual(columns);
    expect(new Set(columns.map(({ name }) => name.toLowerCase())).size).toBe(columns.length);
    for (const row of rows) expect(row).toHaveLength(columns.length);
  },
  'gives the cells of the asked columns in their order, also of none': async ({ open, rows }) => {
    const provider = await open();
    const count = (await provider.columns()).length;
    for (const wanted of [[], [0], [count - 1], [...Array(count).keys()].filter((c) => c % 2 === 0)]) {
      const found = await read(provider, { columns: wanted, predicates: [] });
      expect(sorted(found)).toEqual(sorted(rows.map((row) => wanted.map((c) => row[c]!))));
    }
  },
  'never leaves out a row that meets the predicates': async ({ open, rows }) => {
    const provider = await open();
    const columns = [...(await provider.columns()).keys()];
    for (const predicate of predicatesOf(rows)) {
      const found = new Map<string, number>();
      for (const row of await read(provider, { columns, predicates: [predicate] }))
        found.set(key(row), (found.get(key(row)) ?? 0) + 1);
      const needed = new Map<string, number>();
      for (const row of rows)
        if (meets(predicate, row[predicate.column]!)) needed.set(key(row), (needed.get(key(row)) ?? 0) + 1);
      for (const [row, times] of needed)
        expect(
          found.get(row),
          JSON.stringify({ ...predicate, values: predicate.values.map(String) }),
        ).toBeGreaterThanOrEqual(times);
      const all = new Set(rows.map(key));
      for (const row of found.keys()) expect(all).toContain(row);
    }
  },
  'delivers at least as many rows as the limit, where there are so many': async ({ open, rows }) => {
    const provider = await open();
    for (const limit of [0, 1, 2, rows.length + 1]) {
      const found = await read(provider, { columns: [0], predicates: [], limit });
      expect(found.length).toBeGreaterThanOrEqual(Math.min(limit, rows.length));
      expect(found.length).toBeLessThanOrEqual(rows.length);
    }
  },
  'may be left in the middle of a scan': async ({ open, rows, unordered }) => {
    const provider = await open();
    const scan = { columns: [0], predicates: [] };
    for await (const _ of provider.scan(scan)) break;
    const found = await read(provider, scan);
    if (!unordered) expect(found.map(key)).toEqual(rows.map((row) => key([row[0]!])));
    expect(found).toHaveLength(rows.length);
  },
  'inspects without failing, and names itself': async ({ open }) => {
    const report = await (await open()).inspect({ columns: [0], predicates: [] });
    expect(report.relation).not.toBe('');
    for (const count of [
      report.filesRead,
      report.filesSkipped,
      report.rowGroupsRead,
      report.rowGroupsSkipped,
      report.bytesRead,
    ])
      expect(count).toBeGreaterThanOrEqual(0);
  },
};

/** Conditions with values from the rows, and beside them. */
function* predicatesOf(rows: readonly (readonly Cell[])[]): Generator<Predicate> {
  const width = rows[0]?.length ?? 0;
  for (let column = 0; column < width; column++) {
    yield { column, op: 'not null', values: [] };
    const cells = [...new Set(rows.map((row) => row[column]!))];
    const values = cells.filter(
      (cell): cell is number | bigint | string =>
        cell !== null &&
        typeof cell !== 'object' &&
        typeof cell !== 'boolean' &&
        Number.isFinite(typeof cell === 'string' ? 0 : Number(cell)),
    );
    const some = [values[0], values[values.length >> 1], values[values.length - 1]].filter(
      (value) => value !== undefined,
    );
    for (const value of some) {
      const beside = typeof value === 'string' ? `${value}\u0001` : Number(value) + 0.5;
      for (const op of ['=', '<', '<=', '>', '>='] as const) {
        yield { column, op, values: [value] };
        yield { column, op, values: [beside] };
      }
      // Text in the place of a number, and the reverse.
      yield { column, op: '=', values: [typeof value === 'string' ? 5 : `${value}`] };
      yield { column, op: 'in', values: [value, beside] };
      yield { column, op: 'between', values: [value, beside] };
    }
  }
}
