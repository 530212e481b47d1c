import { DosqlError } from '../errors/index.ts';
import type { Tiers } from './tiers.ts';

/** Reads a file back and compares it with what was sent. @throws ARCHIVE_UNAVAILABLE */
export async function verify({ cold }: Tiers, key: string, bytes: Uint8Array): Promise<void> {
  const found = await cold.get(key);
  if (found?.length !== bytes.length || !found.every((byte, i) => byte === bytes[i]))
    throw new DosqlError('ARCHIVE_UNAVAILABLE', `${key} does not hold the bytes that were written.`);
}
