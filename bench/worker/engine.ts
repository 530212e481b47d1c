import { DB, type QueryResult } from '../../src/index.ts';
import { byKey, ownerKey, productKey, range } from './data.ts';
import { benchObject, worker } from './object.ts';

export const Bench = benchObject(async (storage) => {
  const db = await DB('bench', { storage });
  return [
    {
      name: 'db.query',
      async: true,
      answer: (result) => (result as QueryResult<unknown>).rows,
      jobs: {
        'db.query, 1 row': (i) => db.query(byKey, [productKey(i)]),
        'db.query, 100 rows': (i) => db.query(range, [ownerKey(i)]),
      },
    },
  ];
});

export { worker as default };
