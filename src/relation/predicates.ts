import { foldName } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import type { Predicate, RelationColumn } from './provider.ts';
import type { Needs, Operand } from './pushdown.ts';

/** Positions of the columns that are needed, ascending. */
export function columnsFor({ all, names }: Needs, columns: readonly RelationColumn[]): number[] {
  return columns.flatMap(({ name }, c) => (all || names.has(foldName(name)) ? [c] : []));
}

/** Number of rows that are enough, where the text says so. */
export function limitFor({ limit }: Needs, values: readonly SqlValue[]): number | undefined {
  if (limit.length === 0) return undefined;
  let sum = 0;
  for (const operand of limit) {
    const value = typeof operand === 'number' ? values[operand - 1] : Number(operand.text);
    if (!Number.isSafeInteger(value) || (value as number) < 0) return undefined;
    sum += value as number;
  }
  return sum;
}

/** The conditions that a provider may use, with values of the class that SQLite will compare. */
export function predicatesFor(
  { conditions }: Needs,
  columns: readonly RelationColumn[],
  values: readonly SqlValue[],
): Predicate[] {
  const predicates: Predicate[] = [];
  for (const { column, op, operands } of conditions) {
    const c = columns.findIndex(({ name }) => foldName(name) === column);
    if (c < 0) continue;
    const operandsAsCompared: Predicate['values'][number][] = [];
    let usable = true;
    for (const operand of operands) {
      const value = compared(operand, columns[c]!, values);
      if (value === undefined) usable = false;
      else if (value !== null) operandsAsCompared.push(value);
      else if (op !== 'in') usable = false;
    }
    const types = new Set(operandsAsCompared.map((value) => typeof value === 'string'));
    if (!usable || types.size > 1 || (operands.length > 0 && types.size === 0)) continue;
    predicates.push({ column: c, op, values: operandsAsCompared });
  }
  return predicates;
}

/** What SQLite makes of an operand before it compares it with a column; undefined: not known well enough. */
function compared(
  operand: Operand,
  { affinity, collate }: RelationColumn,
  values: readonly SqlValue[],
): number | bigint | string | null | undefined {
  const given = typeof operand === 'number' ? values[operand - 1] : literal(operand);
  if (given === null || given === undefined || typeof given === 'object')
    return given === null ? null : undefined;
  const numeric = affinity === 'INTEGER' || affinity === 'REAL' || affinity === 'NUMERIC';
  let value: number | bigint | string = given;
  if (typeof value === 'string') {
    if (numeric) {
      // More digits than a double keeps might be read differently on an old SQLite.
      if (!/^-?\d{1,15}$|^-?(?=[\d.]{1,16}$)\d+\.\d+$/.test(value)) return undefined;
      value = Number(value);
    }
  } else if (affinity === 'TEXT') {
    // A bound number is REAL, and 5 becomes the text '5.0'.
    const integer =
      typeof value === 'bigint' || (typeof operand !== 'number' && /^-?\d+$/.test(operand.text));
    if (!integer) return undefined;
    value = `${value}`;
  }
  return typeof value === 'string' && collate && !/^binary$/i.test(collate) ? undefined : value;
}

function literal({ text, string }: Exclude<Operand, number>): string | number | bigint | undefined {
  if (string) return text;
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text);
    if (BigInt.asIntN(64, value) !== value) return undefined;
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  return /^-?(?=[\d.]{1,16}$)\d*\.\d*$/.test(text) ? Number(text) : undefined;
}
