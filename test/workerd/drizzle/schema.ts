import { relations, sql } from 'drizzle-orm';
import {
  blob,
  customType,
  integer,
  numeric,
  real,
  sqliteTable,
  sqliteView,
  text,
} from 'drizzle-orm/sqlite-core';

/** Stored in lower case, read in upper case: a custom type that changes values both ways. */
const shout = customType<{ data: string; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => value.toLowerCase(),
  fromDriver: (value) => value.toUpperCase(),
});

export const users = sqliteTable('users', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  name: text('name').notNull(),
  email: text('email').unique(),
  role: text('role', { enum: ['admin', 'user'] })
    .notNull()
    .default('user'),
  active: integer('active', { mode: 'boolean' }).notNull().default(true),
  score: real('score'),
  meta: text('meta', { mode: 'json' }).$type<{ tags: string[] }>(),
  createdAt: integer('created_at', { mode: 'timestamp' }).notNull().default(sql`(1700000000)`),
  seenAt: integer('seen_at', { mode: 'timestamp_ms' }),
  managerId: integer('manager_id'),
});

export const posts = sqliteTable('posts', {
  id: integer('id').primaryKey(),
  authorId: integer('author_id').notNull(),
  title: text('title').notNull(),
  slug: text('slug').$defaultFn(() => 'made'),
  edits: integer('edits').$onUpdate(() => 7),
  length: integer('length').generatedAlwaysAs(sql`length(title)`),
});

export const comments = sqliteTable('comments', {
  id: integer('id').primaryKey(),
  postId: integer('post_id').notNull(),
  body: text('body'),
  flagged: integer('flagged', { mode: 'boolean' }),
  at: integer('at', { mode: 'timestamp_ms' }),
  extra: text('extra', { mode: 'json' }),
});

export const kinds = sqliteTable('kinds', {
  id: integer('id').primaryKey(),
  bytes: blob('bytes'),
  json: blob('json', { mode: 'json' }).$type<{ a: number }>(),
  big: blob('big', { mode: 'bigint' }),
  amount: numeric('amount'),
  count: numeric('count', { mode: 'number' }),
  wide: numeric('wide', { mode: 'bigint' }),
  shout: shout('shout'),
  where: text('where'),
});

export const activeUsers = sqliteView('active_users').as((qb) =>
  qb
    .select({ id: users.id, name: users.name, active: users.active })
    .from(users)
    .where(sql`${users.active} = 1`),
);

export const userRelations = relations(users, ({ one, many }) => ({
  posts: many(posts),
  manager: one(users, { fields: [users.managerId], references: [users.id] }),
}));
export const postRelations = relations(posts, ({ one, many }) => ({
  author: one(users, { fields: [posts.authorId], references: [users.id] }),
  comments: many(comments),
}));
export const commentRelations = relations(comments, ({ one }) => ({
  post: one(posts, { fields: [comments.postId], references: [posts.id] }),
}));

export const schema = { users, posts, comments, kinds, userRelations, postRelations, commentRelations };

const ddl = [
  `CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, email TEXT UNIQUE, role TEXT NOT NULL DEFAULT 'user',
    active INTEGER NOT NULL DEFAULT 1, score REAL, meta TEXT, created_at INTEGER NOT NULL DEFAULT (1700000000), seen_at INTEGER, manager_id INTEGER)`,
  'CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL, title TEXT NOT NULL, slug TEXT, edits INTEGER, length INTEGER GENERATED ALWAYS AS (length(title)))',
  'CREATE TABLE comments (id INTEGER PRIMARY KEY, post_id INTEGER NOT NULL, body TEXT, flagged INTEGER, at INTEGER, extra TEXT)',
  'CREATE TABLE kinds (id INTEGER PRIMARY KEY, bytes BLOB, json BLOB, big BLOB, amount NUMERIC, count NUMERIC, wide NUMERIC, shout TEXT, "where" TEXT)',
  'CREATE VIEW active_users AS SELECT id, name, active FROM users WHERE active = 1',
  `INSERT INTO users (id, name, email, role, active, score, meta, seen_at, manager_id) VALUES
    (1, 'Ada', 'ada@x', 'admin', 1, 9.5, '{"tags":["a","b"]}', 1700000001234, NULL),
    (2, 'Bob', NULL, 'user', 0, NULL, NULL, NULL, 1),
    (3, 'Cy', 'cy@x', 'user', 1, -0.25, '{"tags":[]}', 1600000000000, 1)`,
  "INSERT INTO posts (id, author_id, title, slug) VALUES (1, 1, 'First', 's1'), (2, 1, 'Second', NULL), (3, 3, 'Third', 's3')",
  `INSERT INTO comments VALUES (1, 1, 'hi', 1, 1700000000500, '{"x":[1,null]}'), (2, 1, NULL, 0, NULL, NULL), (3, 3, 'yo "q"', NULL, 0, '"s"')`,
];

export function seed(storage: DurableObjectStorage): void {
  for (const statement of ddl) storage.sql.exec(statement);
}
