/** What a store knows of one object. */
export interface ObjectInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Changes whenever the bytes are written anew. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

export interface PutOptions {
  /** Write only when no object has the key. */
  readonly ifAbsent?: boolean;
  /** Seconds after which the store may forget the object; at least 60. Stores that keep everything ignore it. */
  readonly expirationTtl?: number;
}

export interface ObjectPage {
  /** In ascending order of their keys, by UTF-8. */
  readonly objects: readonly ObjectInfo[];
  /** To be given to the next call; missing on the last page. */
  readonly cursor?: string;
}

/**
 * Named bytes. Keys have at most 512 bytes. Every method may fail with an error of the store's own; a failed `put` or `delete`
 * may have taken place all the same.
 */
export interface ObjectStore {
  /** What is known of the object; undefined when there is none. Idempotent. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** All bytes; undefined when there is no object. Idempotent; never a part of one version and a part of another. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** The bytes from `offset` on, at most `length`, as many as there are; undefined when there is no object. Idempotent. */
  getRange(key: string, offset: number, length: number): Promise<Uint8Array | undefined>;
  /**
   * Writes the whole object or nothing of it. Idempotent without `ifAbsent`; with it undefined means that an object was there.
   * `ifAbsent` is atomic, except in stores that say otherwise.
   */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo | undefined>;
  /** Removes the object, if there is one. Atomic, idempotent. */
  delete(key: string): Promise<void>;
  /** Objects whose keys begin with `prefix`, at most `limit` (default and maximum 1,000). Each page shows one moment. */
  list(prefix: string, options?: { cursor?: string; limit?: number }): Promise<ObjectPage>;
}

/** True for a store of ours, false for a binding of the platform. */
export function isObjectStore(store: object): store is ObjectStore {
  return 'getRange' in store;
}

/** `length` bytes from `offset` on, as far as there are any. */
export function sliceOf(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  return bytes.subarray(offset, offset + Math.max(length, 0));
}
