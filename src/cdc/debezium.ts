import type { Row } from '../engine/values.ts';
import { base64 } from '../sql/base64.ts';
import type { CdcEvent } from './event.ts';
import { plainRow } from './json.ts';

/** Key and value of one record; the value of a tombstone is null. */
export interface DebeziumRecord {
  key: Record<string, unknown> | null;
  value: Record<string, unknown> | null;
}

export interface DebeziumOptions {
  /** `source.name` and `source.db`: the database. */
  name?: string;
  /** A record without a value behind each delete, for logs that are compacted by key. */
  tombstones?: boolean;
}

const OPS = { insert: 'c', update: 'u', delete: 'd', snapshot: 'r', message: 'm' };

/**
 * An event as Debezium's change events (https://debezium.io/documentation/reference/stable/connectors/): usually one; a
 * changed key is a delete and a create; a schema change has none. Integers beyond ±(2^53-1) are decimal strings, BLOBs
 * base64. Of `transaction`, `total_order` is exact; `data_collection_order` is the same number, so it grows but has gaps.
 */
export function toDebezium(event: CdcEvent, options: DebeziumOptions = {}): DebeziumRecord[] {
  const { op, before, after, key, table, ts, lsn, tx, topic, payload } = event;
  const { name = '', tombstones = true } = options;
  if (op === 'schema') return [];
  const order = tx.index + 1;
  const source = {
    ...{ version: '1', connector: 'dosql', name, ts_ms: ts, db: name, table, lsn, txId: tx.id },
    snapshot: op === 'snapshot' ? 'true' : 'false',
  };
  const record = (code: string, at: Row, from: Row | null, to: Row | null): DebeziumRecord => ({
    key: plainRow(at, plain),
    value: {
      before: from && plainRow(from, plain),
      after: to && plainRow(to, plain),
      ...{ op: code, ts_ms: ts, source },
      transaction: { id: tx.id, total_order: order, data_collection_order: order },
    },
  });
  if (op === 'message') {
    const bytes =
      payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload ?? null));
    const { before: _, after: __, ...value } = record('m', {}, null, null).value!;
    return [{ key: null, value: { ...value, message: { prefix: topic, content: base64(bytes) } } }];
  }
  const old: Row = {};
  for (const column of Object.keys(key)) old[column] = before?.[column] ?? null;
  const records: DebeziumRecord[] = [];
  // In a table without a key, `rowid` may also be the name of a column.
  const own = Object.keys(key).every((column) => plain(key[column]) === plain(after?.[column]));
  const moved = op === 'update' && own && event.changed?.some((column) => column in key);
  if (!moved) records.push(record(OPS[op], key, before, after));
  if (moved) records.push(record('d', old, before, null));
  if (tombstones && (moved || op === 'delete'))
    records.push({ key: plainRow(moved ? old : key, plain), value: null });
  if (moved) records.push(record('c', key, null, after));
  return records;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`;
  return value instanceof Uint8Array ? base64(value) : value;
}
