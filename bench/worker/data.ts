export const productCount = 1000;
export const ownerCount = 200;

/** A product before it has an id: what an insert is given. */
export interface Draft {
  readonly ownerId: number;
  readonly sku: string;
  readonly name: string;
  readonly price: number;
  readonly stock: number;
  readonly active: boolean;
  readonly createdAt: Date;
  readonly releasedAt: Date;
  readonly tags: string[];
}

const epoch = Date.UTC(2024, 0, 1);
const adjectives = ['Plain', 'Heavy', 'Quiet', 'Bright', 'Été', 'Small', 'Round'];

export const drafts: readonly Draft[] = Array.from({ length: productCount }, (_, i) => ({
  ownerId: 1 + (i % ownerCount),
  sku: `SKU-${String(i).padStart(6, '0')}`,
  name: `${adjectives[i % adjectives.length]} product number ${i}`,
  price: 1.25 + i * 0.75,
  stock: (i * 31) % 500,
  active: i % 3 !== 0,
  createdAt: new Date(epoch + i * 61_007),
  releasedAt: new Date(epoch + i * 86_400_000),
  tags: i % 5 === 0 ? [] : [`t${i % 7}`, `t${i % 11}`],
}));

export const draft = (i: number): Draft => drafts[i % productCount]!;
/** Spreads consecutive executions over the table. */
export const productKey = (i: number): number => 1 + ((i * 37) % productCount);
export const ownerKey = (i: number): number => 1 + ((i * 7) % (ownerCount - 20));

/** The columns of a draft in table order, as SQLite stores them. */
export const encode = (
  d: Draft,
): [number, string, string, number, number, number, number, number, string] => [
  d.ownerId,
  d.sku,
  d.name,
  d.price,
  d.stock,
  d.active ? 1 : 0,
  d.createdAt.getTime(),
  Math.floor(d.releasedAt.getTime() / 1000),
  JSON.stringify(d.tags),
];

const productTable = `id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL,
  price REAL NOT NULL, stock INTEGER NOT NULL, active INTEGER NOT NULL, created_at INTEGER NOT NULL,
  released_at INTEGER, tags TEXT NOT NULL`;

export const productColumns = 'id, owner_id, sku, name, price, stock, active, created_at, released_at, tags';
export const byKey = `SELECT ${productColumns} FROM products WHERE id = ?`;
export const range = `SELECT ${productColumns} FROM products WHERE id >= ? LIMIT 100`;
export const insertInto = (table: 'products' | 'sink', rows = 1): string =>
  `INSERT INTO ${table} (owner_id, sku, name, price, stock, active, created_at, released_at, tags) VALUES ${Array(
    rows,
  )
    .fill('(?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .join(', ')}`;

export function seed(storage: DurableObjectStorage): void {
  const { sql } = storage;
  storage.transactionSync(() => {
    for (const table of ['owners', 'comments', 'products', 'sink']) sql.exec(`DROP TABLE IF EXISTS ${table}`);
    sql.exec(
      'CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, active INTEGER NOT NULL)',
    );
    sql.exec(
      'CREATE TABLE comments (id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL)',
    );
    sql.exec(`CREATE TABLE products (${productTable})`);
    sql.exec(`CREATE TABLE sink (${productTable})`);
    sql.exec('CREATE INDEX comments_owner ON comments (owner_id)');
    sql.exec('CREATE INDEX products_owner ON products (owner_id)');
    for (let i = 0; i < ownerCount; i++)
      sql.exec('INSERT INTO owners VALUES (?, ?, ?, ?)', i + 1, `Owner ${i}`, `owner${i}@example.com`, i % 2);
    for (let i = 0; i < ownerCount * 5; i++)
      sql.exec(
        'INSERT INTO comments VALUES (?, ?, ?, ?)',
        i + 1,
        1 + (i % ownerCount),
        `Comment "${i}"`,
        epoch + i * 999,
      );
    for (const d of drafts) sql.exec(insertInto('products'), ...encode(d));
    // Not in the drafts: drizzle-orm 0.45 cannot encode a null given for the placeholder of a timestamp.
    sql.exec('UPDATE products SET released_at = NULL WHERE id % 4 = 0');
  });
}
