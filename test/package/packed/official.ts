/** A small project on `drizzle-orm/durable-sqlite`, beside the schema of the README: what somebody would move over. */
export const OFFICIAL: Record<string, string> = {
  'src/index.ts': `
import { DurableObject } from 'cloudflare:workers';
import { asc, eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/durable-sqlite';
import { migrate } from 'drizzle-orm/durable-sqlite/migrator';
import migrations from '../drizzle/migrations';
import * as schema from './schema';
import { posts, users } from './schema';

interface Env {
  TENANTS: DurableObjectNamespace<TenantDatabase>;
}

export class TenantDatabase extends DurableObject<Env> {
  private db = drizzle(this.ctx.storage, { schema, logger: false });
  private byAuthor = this.db.query.users.findMany({ with: { posts: true } }).prepare();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(() => migrate(this.db, migrations));
  }

  signUp(name: string, titles: string[]) {
    return this.db.transaction((tx) => {
      const user = tx.insert(users).values({ name: 'unnamed' }).returning().get();
      tx.insert(posts).values(titles.map((title) => ({ authorId: user.id, title }))).run();
      tx.transaction((nested) => nested.update(users).set({ name }).where(eq(users.id, user.id)).run());
      return tx.select().from(users).where(eq(users.id, user.id)).get();
    });
  }

  async list() {
    const joined = this.db.select().from(users).innerJoin(posts, eq(posts.authorId, users.id)).orderBy(asc(posts.id)).all();
    const ids = this.db.select({ id: users.id }).from(users).orderBy(users.id).values();
    const relational = await this.byAuthor.execute();
    const people = ids.map(([id]) => ({
      user: joined.find((row) => row.users.id === id)?.users,
      posts: relational.find((row) => row.id === id)?.posts,
    }));
    return { people, count: await this.db.$count(users) };
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const tenant = env.TENANTS.getByName('tenant');
    if (request.method === 'GET') return Response.json(await tenant.list());
    const { name, titles } = await request.json<{ name: string; titles: string[] }>();
    return Response.json(await tenant.signUp(name, titles));
  },
} satisfies ExportedHandler<Env>;
`.trimStart(),
  'drizzle/migrations.d.ts': `
declare const generated: {
  journal: { entries: { idx: number; when: number; tag: string; breakpoints: boolean }[] };
  migrations: Record<string, string>;
};
export default generated;
`.trimStart(),
  'wrangler.toml': `
name = "official"
main = "src/index.ts"
compatibility_date = "2026-08-04"
rules = [{ type = "Text", globs = ["**/*.sql"], fallthrough = true }]

[[durable_objects.bindings]]
name = "TENANTS"
class_name = "TenantDatabase"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["TenantDatabase"]
`.trimStart(),
};
