import type { Affinity, Cell } from '../relation/provider.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { hex, utf8 } from '../sql/literal.ts';
import { qualified, type TierTable } from './table.ts';

/** A row as it is stored: one cell per column, and its storage classes, one letter each: n, i, r, t, b. */
export interface StoredRow {
  readonly cells: Cell[];
  readonly classes: string;
  /** Where it is: its rowid, or its key as JSON; see {@link Locators}. */
  readonly at: string;
}

/** JSON texts stay below the 2 MB of one value. */
const MAX_JSON = 1_500_000;

/** A row beyond this as text, where a BLOB has two characters a byte, fits into no statement once it is archived. */
const MAX_ROW = 1_800_000;

/** A statement can bring the row in again. */
export function isPortable({ cells }: StoredRow): boolean {
  let size = 0;
  for (const cell of cells)
    if (typeof cell === 'string') size += cell.length;
    else if (cell instanceof Uint8Array) size += 2 * cell.length;
  // JSON makes up to six bytes of a character.
  if (size * 6 < MAX_ROW || size > MAX_ROW) return size < MAX_ROW;
  return cells.reduce((sum: number, cell) => sum + sizeOf(cell), 0) < MAX_ROW;
}

function sizeOf(cell: Cell): number {
  if (cell instanceof Uint8Array) return 2 * cell.length;
  return typeof cell === 'string' ? utf8(JSON.stringify(cell)).length : 24;
}

/** SQL to read rows of a table exactly, and to reach them again: by rowid, or where there is none by key. */
export interface RowReader {
  /** The select list, for a table called `t`. */
  readonly list: string;
  /** Joins `json_each(?) j` to `t`. */
  readonly join: string;
  /** Condition that a row of the table is among those in `json_each(?)`. */
  readonly among: string;
  decode(values: unknown[]): StoredRow;
}

export function rowReader(table: TierTable): RowReader {
  const { columns, key, rowid } = table;
  const names = columns.map(({ name }) => `t.${quoteIdentifier(name)}`);
  // The platform hands out integers beyond ±(2^53-1) rounded.
  const exact = columns.map(({ affinity }, i) =>
    affinity === 'TEXT' || affinity === 'REAL'
      ? names[i]
      : `CASE WHEN typeof(${names[i]})='integer' AND ${names[i]} NOT BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(${names[i]} AS TEXT) ELSE ${names[i]} END`,
  );
  const classes = `concat(${names.map((name) => `substr(typeof(${name}),1,1)`)})`;
  const part = (at: number) =>
    `CASE json_type(j.value,'$[${at}]') WHEN 'array' THEN unhex(j.value->>'$[${at}][0]') ELSE j.value->>'$[${at}]' END`;
  const parts = key.map((_, at) => part(at));
  return {
    list: [...exact, classes, ...(rowid ? [`CAST(t.${rowid} AS TEXT)`] : [])].join(),
    join: rowid ? `t.${rowid}=j.value` : key.map((at, n) => `${names[at]}=${parts[n]}`).join(' AND '),
    among: rowid
      ? `${rowid} IN(SELECT value FROM json_each(?))`
      : `(${key.map((at) => quoteIdentifier(columns[at]!.name))}) IN(SELECT ${parts} FROM json_each(?) j)`,
    decode(values) {
      const width = columns.length;
      const classes = values[width] as string;
      const cells = values.slice(0, width) as Cell[];
      for (let i = 0; i < width; i++) {
        const cell = cells[i] as unknown;
        // Null as well: undefined never arrives.
        if (cell instanceof ArrayBuffer) cells[i] = new Uint8Array(cell);
        else if (classes[i] === 'i' && typeof cell === 'string') cells[i] = BigInt(cell);
      }
      return { cells, classes, at: rowid ? `${values[width + 1]}` : locator(key.map((i) => cells[i]!)) };
    },
  };
}

function locator(key: readonly Cell[]): string {
  return `[${key.map((cell) =>
    cell instanceof Uint8Array
      ? `["${hex(cell)}"]`
      : typeof cell === 'string'
        ? JSON.stringify(cell)
        : `${cell}`,
  )}]`;
}

/** Locators as JSON arrays that fit into one value each. */
export function* locatorChunks(locators: Iterable<string>, most = 10_000): Generator<string> {
  let chunk: string[] = [];
  let size = 0;
  for (const at of locators) {
    // A character takes up to three bytes per UTF-16 unit.
    const bytes = at.length * 3 + 1;
    if (chunk.length && (chunk.length >= most || size + bytes > MAX_JSON)) {
      yield `[${chunk}]`;
      chunk = [];
      size = 0;
    }
    chunk.push(at);
    size += bytes;
  }
  if (chunk.length) yield `[${chunk}]`;
}

/** SQL of a row's key as one text, the same for equal keys; `prefix` names the row. */
export function keySql({ columns, key }: TierTable, prefix: string): string {
  const parts = key.map((at) => {
    const column = `${prefix}${quoteIdentifier(columns[at]!.name)}`;
    const whole = `CAST(${column} AS INTEGER)`;
    // SQLite's quote() ends at NUL, which no archived key has. 5.0 is the key 5.
    return `CASE WHEN typeof(${column})='text' AND instr(${column},char(0)) THEN 'N'||hex(${column}) WHEN typeof(${column})='real' AND ${whole}=${column} THEN quote(${whole}) ELSE quote(${foldedSql(columns[at]!, prefix)}) END`;
  });
  return parts.join("||','||");
}

/** SQL of a column as its collation sees it, without affinity. */
export function foldedSql({ name, collate }: TierTable['columns'][number], prefix: string): string {
  const column = `${prefix}${quoteIdentifier(name)}`;
  // Only text has a collation.
  const of = (fold: string) => `CASE typeof(${column}) WHEN 'text' THEN ${fold} ELSE ${column} END`;
  if (collate === 'NOCASE') return of(`lower(${column})`);
  return collate === 'RTRIM' ? of(`rtrim(${column},' ')`) : `+${column}`;
}

/** SQL of a value as a column of this affinity stores it. CAST is none: it makes 2026 of '2026-11-22'. */
export function storedSql(value: string, affinity: Affinity): string {
  const of = (type: string, text: string) => `CASE typeof(${value}) WHEN '${type}' THEN ${text} ELSE `;
  if (affinity === '' || affinity === 'BLOB') return value;
  if (affinity === 'TEXT') return `${of('blob', value)}CAST(${value} AS TEXT) END`;
  const exact = (type: string) =>
    `iif(CAST(${value} AS ${type})=${value},CAST(${value} AS ${type}),${value})`;
  return `${of('text', exact('NUMERIC'))}${of('real', exact('INTEGER'))}${value} END END`;
}

/** A cell as its column's collation sees it. */
export function foldCell(cell: Cell, collate: string | undefined): Cell {
  if (typeof cell !== 'string' || !collate) return cell;
  return collate === 'NOCASE' ? foldName(cell) : collate === 'RTRIM' ? cell.replace(/ +$/, '') : cell;
}

/** What {@link keySql} gives for a row. */
export function keyText({ columns, key }: TierTable, cells: readonly Cell[]): string {
  return key.map((at) => quoted(foldCell(cells[at]!, columns[at]!.collate))).join();
}

function quoted(cell: Cell): string {
  if (typeof cell === 'string') return `'${cell.replaceAll("'", "''")}'`;
  return cell instanceof Uint8Array ? `X'${hex(cell).toUpperCase()}'` : `${cell}`;
}

/** SQL: the rows whose keys have an exact text. NULL, REAL, and text with NUL have none; such rows are never archived. */
export function archivable(table: TierTable): string {
  const { columns, key, rowid, integerKey } = table;
  const conditions = key.flatMap((at) => {
    const column = quoteIdentifier(columns[at]!.name);
    return integerKey
      ? []
      : [
          `(typeof(${column}) IN('integer','blob') OR typeof(${column})='text' AND instr(${column},char(0))=0)`,
        ];
  });
  // The next rowid is one more than the largest there is: while that row stays, no archived one's is given again.
  if (rowid) conditions.push(`${rowid}<(SELECT max(${rowid}) FROM ${qualified(table)})`);
  return conditions.map((condition) => ` AND ${condition}`).join('');
}

/** 64 bits that differ for rows that differ in any value, except by a chance of one in 2^64. */
export function fingerprint({ cells, classes }: StoredRow): [number, number] {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  const mix = (unit: number) => {
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
    a ^= a >>> 15;
    b ^= b >>> 13;
  };
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    mix(classes.charCodeAt(i));
    if (cell instanceof Uint8Array) {
      mix(cell.length);
      for (const byte of cell) mix(byte);
    } else if (cell !== null) {
      const text = Object.is(cell, -0) ? '-0' : `${cell}`;
      mix(text.length);
      for (let at = 0; at < text.length; at++) mix(text.charCodeAt(at));
    }
  }
  return [a >>> 0, b >>> 0];
}
