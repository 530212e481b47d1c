/** All remaining rows as arrays. The runtime's own `toArray` on the raw iterator (missing in its types) is the fastest way out. */
export function drain(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): unknown[][] {
  return (cursor.raw() as unknown as { toArray(): unknown[][] }).toArray();
}

/** What makes rows of a cursor, and leaves none behind. */
export type Take = typeof drain;
