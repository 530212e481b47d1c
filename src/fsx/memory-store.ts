import { type ObjectInfo, type ObjectStore, sliceOf } from './object-store.ts';

/** Objects in memory, for tests and development: gone with the isolate. Every method is atomic. */
export function memoryStore(): ObjectStore {
  const objects = new Map<string, { info: ObjectInfo; bytes: Uint8Array }>();
  let version = 0;
  return {
    head: async (key) => objects.get(key)?.info,
    get: async (key) => objects.get(key)?.bytes.slice(),
    async getRange(key, offset, length) {
      const found = objects.get(key);
      return found && sliceOf(found.bytes, offset, length).slice();
    },
    async put(key, bytes, { ifAbsent } = {}) {
      if (ifAbsent && objects.has(key)) return undefined;
      const info = { key, size: bytes.length, etag: `${++version}`, uploaded: Date.now() };
      objects.set(key, { info, bytes: bytes.slice() });
      return info;
    },
    delete: async (key) => void objects.delete(key),
    async list(prefix, { cursor = '', limit = 1000 } = {}) {
      const found = [...objects.values()]
        .map(({ info }) => info)
        .filter(({ key }) => key.startsWith(prefix) && key > cursor)
        // Keys are ASCII wherever the order of UTF-16 and UTF-8 could differ.
        .sort((a, b) => (a.key < b.key ? -1 : 1));
      const page = found.slice(0, limit);
      return page.length < found.length ? { objects: page, cursor: page.at(-1)!.key } : { objects: page };
    },
  };
}
