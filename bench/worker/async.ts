import { drizzle } from '../../drizzle/index.ts';
import type { Jobs } from '../workloads.ts';
import { draft, drafts } from './data.ts';
import { benchObject, worker } from './object.ts';
import {
  type AnyDb,
  builtJobs,
  type Dialect,
  fiveBuilt,
  insert,
  preparedJobs,
  prepareFive,
  prepareInsert,
} from './queries.ts';
import { relational, schema } from './relations.ts';

export const Bench = benchObject((storage) => {
  const db: AnyDb = drizzle(storage, { schema });
  const dialect: Dialect = { db, relational, fetch: (query) => query, rowsPerInsert: 100 };
  const batch = async (statements: readonly unknown[]) => {
    const [rows, , , counts] = await db.batch(statements);
    return { row: rows[0], n: counts[0].n };
  };

  const built: Jobs = {
    ...builtJobs(dialect),
    'insert 100 rows': () => insert(db, drafts.slice(0, 100)).run(),
    'insert 1,000 rows in a transaction': () =>
      db.transaction(async (tx: AnyDb) => {
        for (const d of drafts) await insert(tx, d).run();
      }),
    'batch of 5': (i) => batch(fiveBuilt(db, i)),
    'async transaction of 5': (i) =>
      db.transaction(async (tx: AnyDb) => {
        const [read, change, label, size, store] = fiveBuilt(tx, i);
        const row = await read.get();
        await change.run();
        await label.run();
        const { n } = await size.get();
        await store.run();
        return { row, n };
      }),
  };

  const add = prepareInsert(db);
  const five = prepareFive(db);
  const prepared: Jobs = {
    ...preparedJobs(dialect),
    'insert 100 rows': async () => {
      for (let k = 0; k < 100; k++) await add.run(draft(k));
    },
    'insert 1,000 rows in a transaction': () =>
      db.transaction(async (tx: AnyDb) => {
        const store = prepareInsert(tx);
        for (const d of drafts) await store.run(d);
      }),
    'batch of 5': (i) => batch(five.pairs(i)),
  };
  return [
    { name: 'async, built', async: true, jobs: built },
    { name: 'async, prepared', async: true, jobs: prepared },
  ];
});

export { worker as default };
