import { eq, gt, gte, sql } from 'drizzle-orm';
import type { drizzle as official } from 'drizzle-orm/durable-sqlite';
import { union, unionAll } from 'drizzle-orm/sqlite-core';
import { posts, type schema, users } from './schema.ts';

type Db = ReturnType<typeof official<typeof schema>>;

/** More usages: where the parameters and the limits of a query stand in its text. */
export const usagesOfParameters: Record<string, (db: Db) => unknown> = {
  'the first row of unions whose last part has a limit': (db) => {
    const some = (limit: number) => db.select({ id: posts.id }).from(posts).orderBy(posts.id).limit(limit);
    return [
      union(db.select({ id: users.id }).from(users), some(2)).get(),
      unionAll(db.select({ id: users.id }).from(users), some(3).offset(1)).get(),
      db.select({ id: users.id }).from(users).where(eq(users.id, 3)).union(some(0)).get(),
      union(
        db.select({ id: users.id }).from(users),
        union(db.select({ id: users.id }).from(users).where(gt(users.id, 9)), some(2)),
      ).get(),
    ];
  },
  'a join with SQL, first with equal parameters': (db) =>
    (
      [
        [1, 1],
        [1, 2],
        [2, 1],
      ] as const
    ).map(([inside, outside]) =>
      db
        .select({ id: users.id, n: sql<number>`j.n` })
        .from(users)
        .innerJoin(sql`(select ${inside} as n) j`, gte(users.id, outside))
        .orderBy(users.id)
        .all(),
    ),
  'an update from a join with SQL, first with equal parameters': (db) =>
    (
      [
        [1, 1],
        [7, 3],
      ] as const
    ).map(([inside, outside]) =>
      db
        .update(posts)
        .set({ edits: sql`j.n` })
        .from(users)
        .innerJoin(sql`(select ${inside} as n) j`, eq(users.id, outside))
        .where(eq(posts.authorId, users.id))
        .returning({ id: posts.id, edits: posts.edits })
        .all(),
    ),
};
