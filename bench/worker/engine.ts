import { DB } from '../../src/index.ts';
import { byKey, ownerKey, productKey, range } from './data.ts';
import { benchObject, worker } from './object.ts';

export const Bench = benchObject(async (storage) => {
  const db = await DB('bench', { storage });
  return [
    {
      name: 'db.query',
      async: true,
      jobs: {
        'db.query, 1 row': async (i) => (await db.query(byKey, [productKey(i)])).rows,
        'db.query, 100 rows': async (i) => (await db.query(range, [ownerKey(i)])).rows,
      },
    },
  ];
});

export { worker as default };
