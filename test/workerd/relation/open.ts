import type { Extension } from '../../../src/engine/extension.ts';
import { type Database, type DatabaseOptions, DB } from '../../../src/index.ts';
import { addResolver } from '../../../src/relation/relations.ts';
import type { Foreign, Opened } from '../../../src/relation/resolver.ts';
import { inObject } from '../object.ts';

type Relations = Readonly<Record<string, Opened | Foreign>>;

/** Relations by name, by 'string' or by function, for tests. */
export function relations(known: Relations): Extension {
  return {
    name: 'relations',
    install(host) {
      addResolver(host, ({ name }) => {
        const found = known[name];
        return found && ('open' in found ? found : { open: () => found });
      });
      return {};
    },
  };
}

/** Runs `work` on a fresh database with these relations. */
export function withRelations<T>(
  known: Relations,
  work: (db: Database, storage: DurableObjectStorage) => Promise<T>,
  options: Omit<DatabaseOptions, 'storage' | 'extensions'> = {},
): Promise<T> {
  return inObject(async (storage) =>
    work(await DB('test', { storage, extensions: [relations(known)], ...options }), storage),
  );
}
