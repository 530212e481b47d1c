import type { Affinity, Cell } from '../relation/provider.ts';
import { isDay } from '../sql/date.ts';
import type { ColumnType } from './options.ts';

/** The affinity that a declared type gives its column. */
export function affinityOf(type: ColumnType): Affinity {
  return type === 'BOOLEAN' || type === 'EPOCH_MS' || type === 'EPOCH_S' ? 'INTEGER' : type;
}

/**
 * A value as a column of this type takes it: converted where nothing is lost, else as it is, like SQLite's own columns
 * do it.
 */
export function coerce(value: Cell, type: ColumnType): Cell {
  if (value === null) return null;
  switch (type) {
    case 'TEXT':
      return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
        ? `${value}`
        : value;
    case 'BOOLEAN':
      return typeof value === 'string' ? (BOOLEANS[value.toLowerCase()] ?? value) : value;
    case 'EPOCH_MS':
    case 'EPOCH_S':
      return typeof value === 'string' ? epoch(value, type === 'EPOCH_S') : value;
    case 'BLOB':
      return value;
    default:
      return typeof value === 'string' ? number(value) : value;
  }
}

const BOOLEANS: Readonly<Record<string, number>> = {
  true: 1,
  t: 1,
  yes: 1,
  1: 1,
  false: 0,
  f: 0,
  no: 0,
  0: 0,
};

/** `2026-11-22`, with a time behind a blank or `T`, and a zone or UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

function epoch(text: string, seconds: boolean): Cell {
  const [, date, time = '00:00', zone = 'Z'] = TIME.exec(text) ?? [];
  const offset = zone.length === 3 ? `${zone}:00` : zone;
  const ms = Date.parse(`${date}T${time}${offset}`);
  if (Number.isNaN(ms) || !isDay(`${date}`)) return INTEGER.test(text) ? number(text) : text;
  return seconds ? Math.floor(ms / 1000) : ms;
}

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function number(text: string): Cell {
  const trimmed = text.trim();
  if (!NUMBER.test(trimmed)) return text;
  const value = Number(trimmed);
  if (!INTEGER.test(trimmed) || Number.isSafeInteger(value)) return value;
  const integer = BigInt(trimmed.replace('+', ''));
  return BigInt.asIntN(64, integer) === integer ? integer : value;
}
