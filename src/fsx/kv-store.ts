import { type ObjectInfo, type ObjectStore, sliceOf } from './object-store.ts';

interface Metadata {
  size: number;
  etag: string;
  uploaded: number;
}

/**
 * Objects in Workers KV, up to 25 MiB each. KV is eventually consistent: for a minute other places may see what was there
 * before, also that nothing was. `ifAbsent` looks first and is not atomic. A range is cut from the whole value.
 */
export function kvStore(namespace: KVNamespace): ObjectStore {
  const infoOf = (key: string, metadata: Metadata | null): ObjectInfo => ({
    key,
    size: 0,
    etag: '',
    uploaded: 0,
    ...metadata,
  });
  const store: ObjectStore = {
    async head(key) {
      const { value, metadata } = await namespace.getWithMetadata<Metadata>(key, 'stream');
      await value?.cancel();
      return value ? infoOf(key, metadata) : undefined;
    },
    async get(key) {
      const bytes = await namespace.get(key, 'arrayBuffer');
      return bytes ? new Uint8Array(bytes) : undefined;
    },
    async getRange(key, offset, length) {
      const bytes = await store.get(key);
      return bytes && sliceOf(bytes, offset, length);
    },
    async put(key, bytes, { ifAbsent, expirationTtl } = {}) {
      if (ifAbsent && (await store.head(key))) return undefined;
      const metadata: Metadata = { size: bytes.length, etag: crypto.randomUUID(), uploaded: Date.now() };
      await namespace.put(key, bytes, { metadata, ...(expirationTtl && { expirationTtl }) });
      return infoOf(key, metadata);
    },
    delete: (key) => namespace.delete(key),
    async list(prefix, { cursor, limit = 1000 } = {}) {
      const page = await namespace.list<Metadata>({ prefix, limit, ...(cursor && { cursor }) });
      const objects = page.keys.map(({ name, metadata }) => infoOf(name, metadata ?? null));
      return page.list_complete ? { objects } : { objects, cursor: page.cursor };
    },
  };
  return store;
}
