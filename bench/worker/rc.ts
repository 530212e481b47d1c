// The bundler resolves drizzle-orm to the 1.0 release candidate for this file and all that it imports.
import * as orm from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/durable-sqlite';
import { benchObject, worker } from './object.ts';
import type { AnyDb } from './queries.ts';
import { comments, owners, products, sink } from './schema.ts';
import { syncKind } from './sync-kind.ts';

// biome-ignore lint/suspicious/noExplicitAny: the types seen here are those of 0.45, which has no defineRelations
const { defineRelations } = orm as any;

const relations = defineRelations({ owners, comments, products, sink }, (r: AnyDb) => ({
  owners: { comments: r.many.comments({ from: r.owners.id, to: r.comments.ownerId }) },
}));

const relational = (db: AnyDb, after: unknown) =>
  db.query.owners.findMany({ where: { id: { gt: after } }, limit: 20, with: { comments: true } });

export const Bench = benchObject((storage) => {
  const db = drizzle(storage, { relations } as object);
  const { built, prepared } = syncKind({ db, relational, fetch: (query) => query.sync(), rowsPerInsert: 10 });
  return [
    { name: 'rc, built', jobs: built },
    { name: 'rc, prepared', jobs: prepared },
  ];
});

export { worker as default };
