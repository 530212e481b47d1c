import { count, eq, gte, sql } from 'drizzle-orm';
import type { Jobs } from '../workloads.ts';
import { type Draft, draft, ownerKey, productKey } from './data.ts';
import { owners, products, sink } from './schema.ts';

// biome-ignore lint/suspicious/noExplicitAny: databases of two drizzle versions and two kinds; their results are checked at run time
export type AnyDb = any;
// biome-ignore lint/suspicious/noExplicitAny: a value or a placeholder
type Operand = any;

/** What differs between drivers when the queries are the same. */
export interface Dialect {
  readonly db: AnyDb;
  /** The relational query: 20 owners with an id above `after`, with their comments. */
  readonly relational: (db: AnyDb, after: Operand) => AnyDb;
  /** Runs a relational query that was built just now. */
  readonly fetch: (query: AnyDb) => unknown;
  /** Rows that one multi-row insert may carry: the platform binds at most 100 parameters. */
  readonly rowsPerInsert: number;
}

const byKey = (db: AnyDb, id: Operand) => db.select().from(products).where(eq(products.id, id));
const range = (db: AnyDb, from: Operand) =>
  db.select().from(products).where(gte(products.id, from)).limit(100);
const everything = (db: AnyDb) => db.select().from(products);
const joined = (db: AnyDb, from: Operand) =>
  db
    .select()
    .from(products)
    .innerJoin(owners, eq(products.ownerId, owners.id))
    .where(gte(products.id, from))
    .limit(100);
const counted = (db: AnyDb, owner: Operand) =>
  db.select({ n: count() }).from(products).where(eq(products.ownerId, owner));
const update = (db: AnyDb, stock: Operand, active: Operand, id: Operand) =>
  db.update(products).set({ stock, active }).where(eq(products.id, id));
const rename = (db: AnyDb, name: Operand, id: Operand) =>
  db.update(owners).set({ name }).where(eq(owners.id, id));
export const insert = (db: AnyDb, rows: Operand) => db.insert(sink).values(rows);

const slot = sql.placeholder;
const draftSlots: Record<keyof Draft, Operand> = {
  ownerId: slot('ownerId'),
  sku: slot('sku'),
  name: slot('name'),
  price: slot('price'),
  stock: slot('stock'),
  active: slot('active'),
  createdAt: slot('createdAt'),
  releasedAt: slot('releasedAt'),
  tags: slot('tags'),
};
export const prepareInsert = (db: AnyDb) => insert(db, draftSlots).prepare();

/** The five statements of the transaction and batch workloads. */
export const fiveBuilt = (db: AnyDb, i: number) =>
  [
    byKey(db, productKey(i)),
    update(db, i % 100, i % 2 === 1, productKey(i)),
    rename(db, `Renamed ${i}`, ownerKey(i)),
    counted(db, ownerKey(i)),
    insert(db, draft(i)),
  ] as const;

/** The same five prepared once: how to run them with the values of an execution, and the pairs a batch takes. */
export const prepareFive = (db: AnyDb) => {
  const read = byKey(db, slot('id')).prepare();
  const change = update(db, slot('stock'), slot('active'), slot('id')).prepare();
  const label = rename(db, slot('name'), slot('id')).prepare();
  const size = counted(db, slot('owner')).prepare();
  const add = prepareInsert(db);
  const run = (i: number) => {
    const row = read.get({ id: productKey(i) });
    change.run({ stock: i % 100, active: i % 2 === 1, id: productKey(i) });
    label.run({ name: `Renamed ${i}`, id: ownerKey(i) });
    const { n } = size.get({ owner: ownerKey(i) });
    add.run(draft(i));
    return { row, n };
  };
  const pairs = (i: number) => [
    [read, { id: productKey(i) }],
    [change, { stock: i % 100, active: i % 2 === 1, id: productKey(i) }],
    [label, { name: `Renamed ${i}`, id: ownerKey(i) }],
    [size, { owner: ownerKey(i) }],
    [add, draft(i)],
  ];
  return { run, pairs };
};

/** Jobs of one statement, the builder run anew on every execution. */
export const builtJobs = ({ db, relational, fetch }: Dialect): Jobs => ({
  'select by key, 10 columns': (i) => byKey(db, productKey(i)).get(),
  '100 rows x 10': (i) => range(db, ownerKey(i)).all(),
  '1,000 rows x 10': () => everything(db).all(),
  'join, 100 rows': (i) => joined(db, ownerKey(i)).all(),
  'relational query 20 x 5': (i) => fetch(relational(db, ownerKey(i))),
  count: (i) => counted(db, ownerKey(i)).get(),
  'insert 1': (i) => insert(db, draft(i)).run(),
  'update by key': (i) => update(db, i % 100, i % 2 === 1, productKey(i)).run(),
});

/** Jobs of one statement, prepared once. */
export function preparedJobs({ db, relational }: Dialect): Jobs {
  const one = byKey(db, slot('id')).prepare();
  const hundred = range(db, slot('from')).prepare();
  const thousand = everything(db).prepare();
  const pairs = joined(db, slot('from')).prepare();
  const tree = relational(db, slot('after')).prepare();
  const size = counted(db, slot('owner')).prepare();
  const add = prepareInsert(db);
  const change = update(db, slot('stock'), slot('active'), slot('id')).prepare();
  return {
    'select by key, 10 columns': (i) => one.get({ id: productKey(i) }),
    '100 rows x 10': (i) => hundred.all({ from: ownerKey(i) }),
    '1,000 rows x 10': () => thousand.all(),
    'join, 100 rows': (i) => pairs.all({ from: ownerKey(i) }),
    'relational query 20 x 5': (i) => tree.all({ after: ownerKey(i) }),
    count: (i) => size.get({ owner: ownerKey(i) }),
    'insert 1': (i) => add.run(draft(i)),
    'update by key': (i) => change.run({ stock: i % 100, active: i % 2 === 1, id: productKey(i) }),
  };
}
