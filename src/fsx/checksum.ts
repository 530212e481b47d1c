/** Bytes that share a checksum: the least that can be read and checked. */
const BLOCK = 2048;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let sum = n;
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 && 0xedb88320);
  return sum;
});

/** CRC-32 of IEEE 802.3, as in zip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let sum = -1;
  for (let i = 0; i < bytes.length; i++) sum = TABLE[(sum ^ bytes[i]!) & 255]! ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** The CRC-32 of each 2,048 bytes, the last of them perhaps shorter; little-endian, 4 bytes each. */
export function checksums(bytes: Uint8Array): Uint8Array {
  const sums = new DataView(new ArrayBuffer(Math.ceil(bytes.length / BLOCK) * 4));
  for (let at = 0; at < bytes.length; at += BLOCK)
    sums.setUint32((4 * at) / BLOCK, crc32(bytes.subarray(at, at + BLOCK)), true);
  return new Uint8Array(sums.buffer);
}

/** The range as it must be read to be checked, within the `size` bytes that have checksums. */
export function wholeBlocks(start: number, end: number, size: number): [start: number, end: number] {
  return [start - (start % BLOCK), Math.min(Math.ceil(end / BLOCK) * BLOCK, size)];
}

/** Whether bytes that begin at `start`, where a block begins, are those that `sums` was made of. */
export function isIntact(bytes: Uint8Array, start: number, sums: Uint8Array): boolean {
  const found = checksums(bytes);
  return found.every((byte, i) => byte === sums[(4 * start) / BLOCK + i]);
}
