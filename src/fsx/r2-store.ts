import type { ObjectInfo, ObjectStore } from './object-store.ts';

/**
 * Objects in an R2 bucket: strongly consistent, `ifAbsent` is atomic, and R2 itself compares the bytes that arrive with
 * their SHA-256.
 */
export function r2Store(bucket: R2Bucket): ObjectStore {
  const infoOf = ({ key, size, etag, uploaded }: R2Object): ObjectInfo => ({
    key,
    size,
    etag,
    uploaded: uploaded.getTime(),
  });
  const bytesOf = async (object: R2ObjectBody | null) => object && new Uint8Array(await object.arrayBuffer());
  return {
    async head(key) {
      const object = await bucket.head(key);
      return object ? infoOf(object) : undefined;
    },
    get: async (key) => (await bytesOf(await bucket.get(key))) ?? undefined,
    async getRange(key, offset, length) {
      if (length <= 0) return (await bucket.head(key)) ? new Uint8Array() : undefined;
      try {
        return (await bytesOf(await bucket.get(key, { range: { offset, length } }))) ?? undefined;
      } catch (error) {
        // R2 refuses a range behind the end.
        const object = await bucket.head(key);
        if (object && offset >= object.size) return new Uint8Array();
        throw error;
      }
    },
    async put(key, bytes, { ifAbsent } = {}) {
      const sha256 = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
      const object = await bucket.put(key, bytes, {
        sha256,
        ...(ifAbsent && { onlyIf: { etagDoesNotMatch: '*' } }),
      });
      return object ? infoOf(object) : undefined;
    },
    delete: (key) => bucket.delete(key),
    async list(prefix, { cursor, limit = 1000 } = {}) {
      const page = await bucket.list({ prefix, limit, ...(cursor && { cursor }) });
      const objects = page.objects.map(infoOf);
      return page.truncated ? { objects, cursor: page.cursor } : { objects };
    },
  };
}
