import { env } from 'cloudflare:test';
import { DB } from '../../../src/index.ts';
import { type VirtualOptions, virtualTables } from '../../../src/virtual/index.ts';
import { inObject } from '../object.ts';

/** What opens in a new object, with the bucket of the tests as `b`. */
export function openVirtual(storage: DurableObjectStorage, options: VirtualOptions = {}) {
  return DB('virtual', { storage, extensions: [virtualTables({ r2: { b: env.BUCKET }, ...options })] });
}

export type VirtualDatabase = Awaited<ReturnType<typeof openVirtual>>;

/** Runs `work` with the database of a new object. */
export function withVirtual<T>(
  work: (db: VirtualDatabase) => Promise<T>,
  options?: VirtualOptions,
): Promise<T> {
  return inObject(async (storage) => work(await openVirtual(storage, options)));
}

/** Puts objects under the keys given. */
export async function put(files: Record<string, string | ArrayBuffer | Uint8Array>): Promise<void> {
  for (const [key, body] of Object.entries(files)) await env.BUCKET.put(key, body);
}
