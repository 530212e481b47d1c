import type { Jobs } from '../workloads.ts';
import { draft, drafts } from './data.ts';
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

/** Every workload through a sync-kind database (`.all()`, `.get()`, `.run()` answer at once). */
export function syncKind(dialect: Dialect): { built: Jobs; prepared: Jobs } {
  const { db, rowsPerInsert } = dialect;
  const five = prepareFive(db);
  const add = prepareInsert(db);
  return {
    built: {
      ...builtJobs(dialect),
      'insert 100 rows': () => {
        for (let k = 0; k < 100; k += rowsPerInsert) insert(db, drafts.slice(k, k + rowsPerInsert)).run();
      },
      'insert 1,000 rows in a transaction': () =>
        db.transaction((tx: AnyDb) => {
          for (const d of drafts) insert(tx, d).run();
        }),
      'transaction of 5': (i) =>
        db.transaction((tx: AnyDb) => {
          const [read, change, label, size, store] = fiveBuilt(tx, i);
          const row = read.get();
          change.run();
          label.run();
          const { n } = size.get();
          store.run();
          return { row, n };
        }),
    },
    prepared: {
      ...preparedJobs(dialect),
      'insert 100 rows': () => {
        for (let k = 0; k < 100; k++) add.run(draft(k));
      },
      'insert 1,000 rows in a transaction': () =>
        db.transaction(() => {
          for (const d of drafts) add.run(d);
        }),
      'transaction of 5': (i) => db.transaction(() => five.run(i)),
    },
  };
}
