import { drizzle } from '../../drizzle/sync.ts';
import { benchObject, worker } from './object.ts';
import { relational, schema } from './relations.ts';
import { syncKind } from './sync-kind.ts';

export const Bench = benchObject((storage) => {
  const db = drizzle(storage, { schema });
  const { built, prepared } = syncKind({
    db,
    relational,
    fetch: (query) => query.sync(),
    rowsPerInsert: 100,
  });
  return [
    { name: 'sync, built', jobs: built },
    { name: 'sync, prepared', jobs: prepared },
  ];
});

export { worker as default };
