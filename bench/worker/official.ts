import { drizzle } from 'drizzle-orm/durable-sqlite';
import { benchObject, worker } from './object.ts';
import { relational, schema } from './relations.ts';
import { syncKind } from './sync-kind.ts';

export const Bench = benchObject((storage) => {
  const db = drizzle(storage, { schema });
  const { built, prepared } = syncKind({ db, relational, fetch: (query) => query.sync(), rowsPerInsert: 10 });
  return [
    { name: 'official, built', jobs: built },
    { name: 'official, prepared', jobs: prepared },
  ];
});

export { worker as default };
