import { DurableObject } from 'cloudflare:workers';
import { open } from './database.ts';
import { respond } from './routes.ts';

interface Env {
  TENANTS: DurableObjectNamespace<TenantDatabase>;
}

/** One tenant: one Durable Object, one SQLite database. */
export class TenantDatabase extends DurableObject<Env> {
  readonly db = open(this.ctx);

  override fetch(request: Request): Promise<Response> {
    return respond(this.db, request);
  }
}

/** Sends /:tenant/... to that tenant's own database. A real application asks here who is calling. */
export default {
  async fetch(request, env) {
    const tenant = /^\/([a-z][a-z0-9-]{0,39})\//.exec(new URL(request.url).pathname)?.[1];
    if (!tenant) return new Response('Try /acme/stats\n', { status: 404 });
    return env.TENANTS.getByName(tenant).fetch(request);
  },
} satisfies ExportedHandler<Env>;
