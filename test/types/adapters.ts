import { eq, relations, sql } from 'drizzle-orm';
import { alias, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { expectTypeOf } from 'vitest';
import { type Batch, type Change, changes, outbox } from '../../adapters/cdc.ts';
import { asOf, type Difference, diff, versions } from '../../adapters/history.ts';
import { type Diff, live } from '../../adapters/live.ts';
import { drizzle } from '../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../drizzle/sync.ts';
import { DB } from '../../src/index.ts';
import { changeLog } from '../../src/wal/index.ts';

declare const storage: DurableObjectStorage;

const users = sqliteTable('users', {
  id: integer().primaryKey(),
  active: integer({ mode: 'boolean' }),
  meta: text({ mode: 'json' }).$type<{ tags: string[] }>(),
});
const posts = sqliteTable('posts', { id: integer().primaryKey(), authorId: integer().notNull() });
const schema = {
  users,
  posts,
  userRelations: relations(users, ({ many }) => ({ posts: many(posts) })),
};
type User = typeof users.$inferSelect;
type Post = typeof posts.$inferSelect;

const db = drizzle(() => DB('t', { storage, extensions: [changeLog({ tables: '*' })] }), { schema });
const sync = drizzleSync(storage, { schema });

// What a live query tells has the type of the query's rows.
live(db.select().from(users), (rows, diff) => {
  expectTypeOf(rows).toEqualTypeOf<User[]>();
  expectTypeOf(diff).toEqualTypeOf<Diff<User>>();
});
live(
  sync.select({ n: sql<number>`count(*)`, id: posts.id }).from(posts),
  (rows, { added }) => {
    expectTypeOf(rows).toEqualTypeOf<{ n: number; id: number }[]>();
    expectTypeOf(added).toEqualTypeOf<{ n: number; id: number }[]>();
  },
  { key: ({ id }) => id, onError: (error) => expectTypeOf(error).toBeUnknown() },
);
live(db.select().from(users).leftJoin(posts, eq(posts.authorId, users.id)), (rows) =>
  expectTypeOf(rows).toEqualTypeOf<{ users: User; posts: Post | null }[]>(),
);
live(
  db.query.users.findFirst({ columns: { meta: true }, with: { posts: true } }),
  async (row, { changed }) => {
    type Row = { meta: { tags: string[] } | null; posts: Post[] };
    expectTypeOf(row).toEqualTypeOf<Row | undefined>();
    expectTypeOf(changed).toEqualTypeOf<{ before: Row; after: Row }[]>();
  },
);
// @ts-expect-error a promise is not a query
live(Promise.resolve([1]), () => {});

// Changes have the types of the tables, told apart by name and operation.
for await (const batch of changes(db, users, { consumer: 'c' })) {
  expectTypeOf(batch).toEqualTypeOf<Batch<Change<typeof users>>>();
  for (const event of batch.events) {
    expectTypeOf(event.table).toEqualTypeOf<'users'>();
    expectTypeOf(event.after).toEqualTypeOf<User | null>();
    expectTypeOf(event.key.id).toEqualTypeOf<number | undefined>();
    if (event.op === 'insert') expectTypeOf(event.after).toEqualTypeOf<User>();
    if (event.op === 'delete') expectTypeOf(event.after).toEqualTypeOf<null>();
    if (event.op === 'update') expectTypeOf(event.changed).toEqualTypeOf<('id' | 'active' | 'meta')[]>();
  }
}
for await (const { events } of changes(sync, [users, posts], { consumer: 'c', follow: true })) {
  for (const event of events) {
    expectTypeOf(event.table).toEqualTypeOf<'users' | 'posts'>();
    if (event.table === 'posts' && event.op !== 'insert') expectTypeOf(event.before).toEqualTypeOf<Post>();
  }
}
for await (const { events } of changes(db, users, { consumer: 'c', from: 'snapshot' })) {
  for (const event of events) {
    expectTypeOf(event.op).toEqualTypeOf<'insert' | 'update' | 'delete' | 'snapshot'>();
    if (event.op === 'snapshot') expectTypeOf(event.after).toEqualTypeOf<User>();
  }
}
// @ts-expect-error a consumer has a name
changes(db, users, {});
// @ts-expect-error not a table
changes(db, [users, 'posts'], { consumer: 'c' });

// An outbox knows what its topics carry; with the synchronous driver it gives no promise.
const mail = outbox<{ welcome: { userId: number }; bye: string }>();
expectTypeOf(mail.emit(db, 'welcome', { userId: 1 })).toEqualTypeOf<Promise<number>>();
expectTypeOf(mail.emit(sync, 'bye', 'x')).toEqualTypeOf<number>();
await db.transaction(async (tx) => {
  expectTypeOf(mail.emit(tx, 'bye', 'x')).toEqualTypeOf<Promise<number>>();
});
sync.transaction((tx) => {
  expectTypeOf(mail.emit(tx, 'bye', 'x')).toEqualTypeOf<number>();
});
// @ts-expect-error the payload of another topic
mail.emit(db, 'bye', { userId: 1 });
// @ts-expect-error no such topic
mail.emit(db, 'nope', 'x');
for await (const { events } of mail.messages(db, { consumer: 'm' })) {
  for (const message of events)
    if (message.topic === 'welcome') expectTypeOf(message.payload).toEqualTypeOf<{ userId: number }>();
}
for await (const { events } of mail.messages(db, { consumer: 'm', topics: ['bye'] })) {
  for (const message of events) expectTypeOf(message.payload).toEqualTypeOf<string>();
}

// The past has the types of the present.
const past = asOf(db, new Date());
expectTypeOf(past.select().from(users)).resolves.toEqualTypeOf<User[]>();
expectTypeOf(past.query.users.findMany({ with: { posts: true } })).toEqualTypeOf(
  db.query.users.findMany({ with: { posts: true } }),
);
expectTypeOf(asOf(sync, { lsn: 1 }).select().from(users).all()).toEqualTypeOf<User[]>();
// @ts-expect-error the past is not written
past.insert(users);

const old = asOf(users, '2026-01-01');
expectTypeOf(db.select().from(old)).resolves.toEqualTypeOf<User[]>();
expectTypeOf(db.select({ meta: old.meta }).from(old)).resolves.toEqualTypeOf<Pick<User, 'meta'>[]>();
// @ts-expect-error nor is a table of the past
db.insert(old);
const before = asOf(alias(users, 'before'), { transaction: 7 });
expectTypeOf(db.select().from(users).leftJoin(before, eq(before.id, users.id))).resolves.toEqualTypeOf<
  { users: User; before: User | null }[]
>();

const history = versions(users, 0, new Date());
type Span = {
  rowStart: Date | null;
  rowEnd: Date | null;
  rowStartLsn: number | null;
  rowEndLsn: number | null;
};
type Version = { [K in keyof (User & Span)]: (User & Span)[K] };
expectTypeOf(db.select().from(history)).resolves.toEqualTypeOf<Version[]>();
expectTypeOf(db.select({ at: history.rowStart }).from(history)).resolves.toEqualTypeOf<
  { at: Date | null }[]
>();

for (const change of await diff(db, users, 0, { lsn: 2 })) {
  expectTypeOf(change).toEqualTypeOf<Difference<typeof users>>();
  if (change.op === 'update') expectTypeOf(change.before).toEqualTypeOf<User>();
}
