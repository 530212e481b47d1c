import {
  byKey,
  draft,
  drafts,
  encode,
  insertInto,
  ownerKey,
  productColumns,
  productKey,
  range,
} from './data.ts';
import { benchObject, worker } from './object.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows come untyped from SQLite, and a hand-written mapper trusts its own SQL
type Raw = any[];

const toProduct = (r: Raw) => ({
  id: r[0],
  ownerId: r[1],
  sku: r[2],
  name: r[3],
  price: r[4],
  stock: r[5],
  active: r[6] === 1,
  createdAt: new Date(r[7]),
  releasedAt: r[8] === null ? null : new Date(r[8] * 1000),
  tags: JSON.parse(r[9]),
});

const toPair = (r: Raw) => ({
  products: toProduct(r),
  owners: { id: r[10], name: r[11], email: r[12], active: r[13] === 1 },
});

const toOwnerWithComments = (r: Raw) => ({
  id: r[0],
  name: r[1],
  email: r[2],
  active: r[3] === 1,
  comments: JSON.parse(r[4]).map((c: Raw) => ({
    id: c[0],
    ownerId: c[1],
    body: c[2],
    createdAt: new Date(c[3]),
  })),
});

const toRow = (r: Raw) => ({
  id: r[0],
  owner_id: r[1],
  sku: r[2],
  name: r[3],
  price: r[4],
  stock: r[5],
  active: r[6],
  created_at: r[7],
  released_at: r[8],
  tags: r[9],
});

const everything = `SELECT ${productColumns} FROM products`;
const joined = `SELECT p.id, p.owner_id, p.sku, p.name, p.price, p.stock, p.active, p.created_at, p.released_at, p.tags,
  o.id, o.name, o.email, o.active FROM products p INNER JOIN owners o ON p.owner_id = o.id WHERE p.id >= ? LIMIT 100`;
const nested = `SELECT id, name, email, active, (SELECT json_group_array(json_array(id, owner_id, body, created_at))
  FROM comments c WHERE c.owner_id = o.id) FROM owners o WHERE id > ? LIMIT 20`;
const count = 'SELECT count(*) FROM products WHERE owner_id = ?';
const update = 'UPDATE products SET stock = ?, active = ? WHERE id = ?';
const rename = 'UPDATE owners SET name = ? WHERE id = ?';
const insert = insertInto('sink');
const insertTen = insertInto('sink', 10);

export const Bench = benchObject((storage) => {
  const { sql } = storage;
  // The published types know the cursor's raw() as a bare iterator, without the toArray() that it has.
  const rows = (text: string, ...params: SqlStorageValue[]) =>
    (sql.exec(text, ...params).raw() as unknown as { toArray(): Raw[] }).toArray();

  const five = (i: number) => {
    const row = toProduct(rows(byKey, productKey(i))[0]!);
    sql.exec(update, i % 100, i % 2, productKey(i));
    sql.exec(rename, `Renamed ${i}`, ownerKey(i));
    const n = rows(count, ownerKey(i))[0]![0];
    sql.exec(insert, ...encode(draft(i)));
    return { row, n };
  };
  const fiveAtOnce = (i: number) => storage.transactionSync(() => five(i));
  const thousand = () => {
    for (const d of drafts) sql.exec(insert, ...encode(d));
  };

  return [
    {
      name: 'by hand',
      jobs: {
        'select by key, 10 columns': (i) => {
          const row = rows(byKey, productKey(i))[0];
          return row && toProduct(row);
        },
        '100 rows x 10': (i) => rows(range, ownerKey(i)).map(toProduct),
        '1,000 rows x 10': () => rows(everything).map(toProduct),
        'join, 100 rows': (i) => rows(joined, ownerKey(i)).map(toPair),
        'relational query 20 x 5': (i) => rows(nested, ownerKey(i)).map(toOwnerWithComments),
        count: (i) => ({ n: rows(count, ownerKey(i))[0]![0] }),
        'insert 1': (i) => void sql.exec(insert, ...encode(draft(i))),
        'insert 100 rows': () => {
          for (let k = 0; k < 100; k++) sql.exec(insert, ...encode(draft(k)));
        },
        'insert 1,000 rows in a transaction': () => storage.transactionSync(thousand),
        'update by key': (i) => void sql.exec(update, i % 100, i % 2, productKey(i)),
        'transaction of 5': fiveAtOnce,
        'batch of 5': fiveAtOnce,
        'db.query, 1 row': (i) => rows(byKey, productKey(i)).map(toRow),
        'db.query, 100 rows': (i) => rows(range, ownerKey(i)).map(toRow),
      },
    },
    {
      name: 'by hand',
      async: true,
      jobs: { 'async transaction of 5': (i) => storage.transaction(async () => five(i)) },
    },
    {
      name: 'by hand, multi-row',
      jobs: {
        'insert 100 rows': () => {
          for (let k = 0; k < 100; k += 10) sql.exec(insertTen, ...drafts.slice(k, k + 10).flatMap(encode));
        },
      },
    },
  ];
});

export { worker as default };
