import { eq, relations, sql } from 'drizzle-orm';
import { drizzle as official } from 'drizzle-orm/durable-sqlite';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { expectTypeOf } from 'vitest';
import { type DrizzleDosqlDatabase, type DrizzleRunResult, drizzle } from '../../drizzle/index.ts';
import { migrate } from '../../drizzle/migrator.ts';
import { type DrizzleSqliteDODatabase, drizzle as drizzleSync } from '../../drizzle/sync.ts';
import { type Database, DB, type MigrationReport } from '../../src/index.ts';

declare const storage: DurableObjectStorage;

const users = sqliteTable('users', {
  id: integer().primaryKey(),
  name: text().notNull(),
  active: integer({ mode: 'boolean' }),
  meta: text({ mode: 'json' }).$type<{ tags: string[] }>(),
});
const posts = sqliteTable('posts', { id: integer().primaryKey(), authorId: integer().notNull() });
const schema = {
  users,
  posts,
  userRelations: relations(users, ({ many }) => ({ posts: many(posts) })),
  postRelations: relations(posts, ({ one }) => ({
    author: one(users, { fields: [posts.authorId], references: [users.id] }),
  })),
};

const theirs = official(storage, { schema });
const ours = drizzleSync(storage, { schema });
const db = drizzle(storage, { schema });

// Results of the synchronous entry are those of the official driver.
expectTypeOf(ours.select().from(users).all()).toEqualTypeOf(theirs.select().from(users).all());
expectTypeOf(ours.select().from(users).leftJoin(posts, eq(posts.authorId, users.id)).get()).toEqualTypeOf(
  theirs.select().from(users).leftJoin(posts, eq(posts.authorId, users.id)).get(),
);
expectTypeOf(ours.query.users.findMany({ with: { posts: true } }).sync()).toEqualTypeOf(
  theirs.query.users.findMany({ with: { posts: true } }).sync(),
);
expectTypeOf(ours.insert(users).values({ name: 'a' }).returning().get()).toEqualTypeOf(
  theirs.insert(users).values({ name: 'a' }).returning().get(),
);
expectTypeOf(ours.transaction((tx) => tx.select({ id: users.id }).from(users).all())).toEqualTypeOf(
  theirs.transaction((tx) => tx.select({ id: users.id }).from(users).all()),
);
expectTypeOf(ours.insert(users).values({ name: 'a' }).run()).toEqualTypeOf<DrizzleRunResult>();
expectTypeOf(ours.run(sql`select 1`)).toEqualTypeOf<DrizzleRunResult>();
expectTypeOf(ours).toExtend<DrizzleSqliteDODatabase<typeof schema>>();
expectTypeOf(ours.$client).toEqualTypeOf<Database>();

// The asynchronous entry gives the same, promised.
const row = theirs.select().from(users).get();
const one = () => db.select().from(users);
expectTypeOf(db.select().from(users)).resolves.toEqualTypeOf<NonNullable<typeof row>[]>();
expectTypeOf<Awaited<ReturnType<ReturnType<typeof one>['get']>>>().toEqualTypeOf<typeof row>();
const first = { with: { posts: { columns: { id: true } } } } as const;
const theirFirst = theirs.query.users.findFirst(first).sync();
expectTypeOf(db.query.users.findFirst(first)).resolves.toEqualTypeOf<typeof theirFirst>();
expectTypeOf(db.insert(users).values({ name: 'a' })).resolves.toEqualTypeOf<DrizzleRunResult>();
expectTypeOf(db.$count(users)).resolves.toEqualTypeOf<number>();
expectTypeOf(
  db.transaction(async (tx) => (await tx.select().from(posts)).length),
).resolves.toEqualTypeOf<number>();
expectTypeOf(
  db.batch([db.select().from(posts), db.insert(users).values({ name: 'a' }), db.query.posts.findFirst()]),
).resolves.toEqualTypeOf<
  [{ id: number; authorId: number }[], DrizzleRunResult, { id: number; authorId: number } | undefined]
>();
const prepared = db.select().from(posts).prepare();
const storing = db
  .insert(users)
  .values({ name: sql.placeholder('name') })
  .prepare();
expectTypeOf(
  db.batch([prepared, [storing, { name: 'a' }], [prepared, {}], db.delete(users)]),
).resolves.toEqualTypeOf<
  [{ id: number; authorId: number }[], DrizzleRunResult, { id: number; authorId: number }[], DrizzleRunResult]
>();

// What the client is depends on what was given.
expectTypeOf(db.$client).toEqualTypeOf<Database>();
expectTypeOf(drizzle(() => DB('a', { storage })).$client).toExtend<Promise<Database>>();
expectTypeOf(drizzle(DB('a', { storage })).$client).toExtend<Promise<Database>>();
expectTypeOf(migrate(db, { migrations: {} })).resolves.toEqualTypeOf<MigrationReport>();
expectTypeOf(
  migrate(ours, { journal: { entries: [] }, migrations: {} }),
).resolves.toEqualTypeOf<MigrationReport>();

// What must not compile.
// @ts-expect-error a transaction of the asynchronous entry takes an asynchronous callback
db.transaction((tx) => tx.select().from(users).get().toString());
// @ts-expect-error a required column is missing
db.insert(users).values({ id: 1 });
// @ts-expect-error the synchronous entry does not wait for a database
drizzleSync(() => DB('a', { storage }));
// @ts-expect-error a batch is not empty
db.batch([]);

// Annotated by their class, as fields of an object are, databases can be migrated; anything else cannot.
declare const annotated: DrizzleSqliteDODatabase<typeof schema>;
declare const annotatedAsync: DrizzleDosqlDatabase<typeof schema>;
expectTypeOf(migrate(annotated, [])).resolves.toEqualTypeOf<MigrationReport>();
expectTypeOf(migrate(annotatedAsync, [])).resolves.toEqualTypeOf<MigrationReport>();
// @ts-expect-error: storage is no Drizzle database
void migrate(storage, []);
