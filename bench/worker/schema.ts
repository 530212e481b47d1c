import { index, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

const productColumns = () => ({
  id: integer('id').primaryKey(),
  ownerId: integer('owner_id').notNull(),
  sku: text('sku').notNull(),
  name: text('name').notNull(),
  price: real('price').notNull(),
  stock: integer('stock').notNull(),
  active: integer('active', { mode: 'boolean' }).notNull(),
  createdAt: integer('created_at', { mode: 'timestamp_ms' }).notNull(),
  releasedAt: integer('released_at', { mode: 'timestamp' }),
  tags: text('tags', { mode: 'json' }).$type<string[]>().notNull(),
});

export const owners = sqliteTable('owners', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  email: text('email').notNull(),
  active: integer('active', { mode: 'boolean' }).notNull(),
});

export const comments = sqliteTable(
  'comments',
  {
    id: integer('id').primaryKey(),
    ownerId: integer('owner_id').notNull(),
    body: text('body').notNull(),
    createdAt: integer('created_at', { mode: 'timestamp_ms' }).notNull(),
  },
  (t) => [index('comments_owner').on(t.ownerId)],
);

export const products = sqliteTable('products', productColumns(), (t) => [
  index('products_owner').on(t.ownerId),
]);

/** Takes the inserts; emptied between rounds so that every contestant writes to a tree of the same depth. */
export const sink = sqliteTable('sink', productColumns());
