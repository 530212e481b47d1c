import { DurableObject } from 'cloudflare:workers';
import * as cdc from '@dotdo/dosql/cdc';
import { createHandler } from '@dotdo/dosql/server';
import { type Buckets, open } from './database.ts';
import { respond } from './routes.ts';

export interface Env extends Buckets {
  TENANTS: DurableObjectNamespace<TenantDatabase>;
  /** Signs the tokens of those who use a tenant's database from outside; at least 32 bytes. */
  TOKEN_SECRET: string;
}

/** One tenant: one Durable Object, one SQLite database. */
export class TenantDatabase extends DurableObject<Env> {
  readonly db = open(this.ctx, this.env);
  /** SQL over HTTP and WebSocket, for clients and drizzle-kit. A token is for one tenant. */
  readonly server = createHandler(() => this.db.$client, {
    auth: { secret: this.env.TOKEN_SECRET },
    ctx: this.ctx,
    tail: cdc,
  });
  readonly #alarms = cdc.sharedAlarm(this.ctx.storage);

  override async fetch(request: Request): Promise<Response> {
    // Writes make upkeep; a tenant that is only read is not woken for it.
    if (request.method !== 'GET') await this.#alarms.schedule('upkeep', '1h');
    return /^\/[^/]+\/db\//.test(new URL(request.url).pathname)
      ? this.server.fetch(request)
      : respond(this.db, request);
  }

  /** Prunes the change log and does what else is due, as much at a time as leaves room for requests. */
  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const upkeep = async () => {
      const { done } = await (await this.db.$client).maintenance({ budgetMs: 5000 });
      return done ? undefined : '1s';
    };
    const reports = await this.#alarms.run({ upkeep }, info);
    for (const { job, error } of reports) if (error) console.error(job, error);
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return this.server.webSocketMessage(socket, message);
  }

  override webSocketClose(socket: WebSocket): Promise<void> {
    return this.server.webSocketClose(socket);
  }
}

/** Sends /:tenant/... to that tenant's own database. A real application asks here who is calling. */
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const file = /^\/files\/([\w.-]+)$/.exec(pathname)?.[1];
    if (file && request.method === 'PUT') {
      await env.FILES.put(file, request.body);
      return new Response(null, { status: 201 });
    }
    const tenant = /^\/([a-z][a-z0-9-]{0,39})\//.exec(pathname)?.[1];
    if (!tenant) return new Response('Try /acme/stats\n', { status: 404 });
    return env.TENANTS.getByName(tenant).fetch(request);
  },
} satisfies ExportedHandler<Env>;
