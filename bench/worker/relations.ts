import { relations } from 'drizzle-orm';
import type { AnyDb } from './queries.ts';
import { comments, owners, products, sink } from './schema.ts';

/** Relations as drizzle-orm 0.45 declares them. */
export const schema = {
  owners,
  comments,
  products,
  sink,
  ownerRelations: relations(owners, ({ many }) => ({ comments: many(comments) })),
  commentRelations: relations(comments, ({ one }) => ({
    owner: one(owners, { fields: [comments.ownerId], references: [owners.id] }),
  })),
};

export const relational = (db: AnyDb, after: unknown) =>
  db.query.owners.findMany({
    // biome-ignore lint/suspicious/noExplicitAny: operators of an untyped database
    where: (t: typeof owners, { gt }: any) => gt(t.id, after),
    limit: 20,
    with: { comments: true },
  });
