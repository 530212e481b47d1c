import { drain } from '../engine/cursor.ts';
import { Engine } from '../engine/engine.ts';
import { enter, RootScope } from '../engine/scope.ts';
import type { ObjectInfo, ObjectStore } from './object-store.ts';

/** workerd: a value has at most 2 MB. */
const PART = 1 << 20;
/** Numbers of parts: an object has at most 2^20, which is more than a database holds. */
const PARTS = 1 << 20;

const TABLES = [
  '_dosql_object(id INTEGER PRIMARY KEY AUTOINCREMENT,key TEXT NOT NULL UNIQUE,size INTEGER NOT NULL,etag TEXT NOT NULL,uploaded INTEGER NOT NULL)',
  '_dosql_object_part(id INTEGER PRIMARY KEY,bytes BLOB NOT NULL)',
];

/**
 * Objects in the SQLite database of a Durable Object, in parts of 1 MiB: strongly consistent, every method is atomic, and a
 * `put` is part of the transaction of its turn.
 */
export function durableObjectStore(storage: DurableObjectStorage): ObjectStore {
  const engine = Engine.of(storage);
  const scope = new RootScope(engine);
  const all = (sql: string, ...values: SqlStorageValue[]) => drain(engine.sql.exec(sql, ...values));
  const ready = (() => {
    let done: Promise<void> | undefined;
    return () => {
      done ??= enter(scope, () => {
        for (const table of TABLES) all(`CREATE TABLE IF NOT EXISTS ${table}`);
        for (const name of ['_dosql_object', '_dosql_object_part']) engine.internal.add(name);
      });
      return done;
    };
  })();
  const turn = async <T>(work: () => T): Promise<T> => {
    await ready();
    return enter(scope, work);
  };
  const find = (key: string) => {
    const [row] = all('SELECT id,size,etag,uploaded FROM _dosql_object WHERE key=?', key);
    if (!row) return undefined;
    const [id, size, etag, uploaded] = row as [number, number, string, number];
    return { id, info: { key, size, etag, uploaded } satisfies ObjectInfo };
  };
  const remove = (key: string) => {
    const found = find(key);
    if (!found) return;
    const first = found.id * PARTS;
    all('DELETE FROM _dosql_object_part WHERE id>=? AND id<?', first, first + PARTS);
    all('DELETE FROM _dosql_object WHERE id=?', found.id);
  };
  const store: ObjectStore = {
    head: (key) => turn(() => find(key)?.info),
    get: (key) => store.getRange(key, 0, Infinity),
    getRange: (key, offset, length) =>
      turn(() => {
        const found = find(key);
        if (!found) return undefined;
        const bytes = new Uint8Array(Math.max(0, Math.min(length, found.info.size - offset)));
        const first = Math.floor(offset / PART);
        for (let at = 0, n = first; at < bytes.length; n++) {
          const skip = n === first ? offset % PART : 0;
          const [[part]] = all(
            'SELECT substr(bytes,?,?) FROM _dosql_object_part WHERE id=?',
            skip + 1,
            Math.min(bytes.length - at, PART - skip),
            found.id * PARTS + n,
          ) as [[ArrayBuffer]];
          bytes.set(new Uint8Array(part), at);
          at += part.byteLength;
        }
        return bytes;
      }),
    put: (key, bytes, { ifAbsent } = {}) =>
      turn(() =>
        engine.transactionSync(() => {
          if (ifAbsent && find(key)) return undefined;
          remove(key);
          const info: ObjectInfo = {
            key,
            size: bytes.length,
            etag: crypto.randomUUID(),
            uploaded: Date.now(),
          };
          const [[id]] = all(
            'INSERT INTO _dosql_object(key,size,etag,uploaded) VALUES(?,?,?,?) RETURNING id',
            key,
            info.size,
            info.etag,
            info.uploaded,
          ) as [[number]];
          for (let at = 0, n = 0; at < bytes.length; at += PART, n++)
            all(
              'INSERT INTO _dosql_object_part VALUES(?,?)',
              id * PARTS + n,
              bytes.slice(at, at + PART).buffer,
            );
          return info;
        }),
      ),
    delete: (key) => turn(() => engine.transactionSync(() => remove(key))),
    list: (prefix, { cursor = '', limit = 1000 } = {}) =>
      turn(() => {
        const rows = all(
          'SELECT key,size,etag,uploaded FROM _dosql_object WHERE key>=?1 AND key>?2 AND substr(key,1,length(?1))=?1 ORDER BY key LIMIT ?3',
          prefix,
          cursor,
          limit + 1,
        ) as [string, number, string, number][];
        const objects = rows
          .slice(0, limit)
          .map(([key, size, etag, uploaded]) => ({ key, size, etag, uploaded }));
        return rows.length > limit ? { objects, cursor: objects.at(-1)!.key } : { objects };
      }),
  };
  return store;
}
