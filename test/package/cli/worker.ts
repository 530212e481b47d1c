import { DurableObject } from 'cloudflare:workers';
import * as tail from '../../../src/cdc/index.ts';
import { DB } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inUse } from '../../in-use.ts';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

/** `/databases/<name>/…` is the database of that name; names that begin with `log` have the change log. */
export class Subject extends DurableObject<Env> {
  readonly handler = createHandler(
    ({ url }) => {
      const name = nameOf(url);
      const extensions = name.startsWith('log') ? [changeLog({ tables: '*' })] : [];
      return DB(name, { storage: this.ctx.storage, ctx: this.ctx, extensions });
    },
    { auth: { secret: 'the secret of the tests, 32 bytes' }, ctx: this.ctx, tail },
  );

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    inUse(ctx);
  }

  override fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname.endsWith('/abort')) this.ctx.abort('asked for');
    return this.handler.fetch(request);
  }
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    return this.handler.webSocketMessage(socket, message);
  }
  override webSocketClose(socket: WebSocket): Promise<void> {
    return this.handler.webSocketClose(socket);
  }
}

function nameOf(url: string): string {
  return /^\/databases\/([^/]+)\//.exec(new URL(url).pathname)?.[1] ?? '';
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/fleet') {
      const [from, to] = [Number(searchParams.get('from')), Number(searchParams.get('to'))];
      const end = Math.min(from + 100, to);
      return Response.json({
        databases: Array.from({ length: end - from }, (_, i) => `/databases/tenant-${from + i}/`),
        ...(end < to && { next: `/fleet?from=${end}&to=${to}` }),
      });
    }
    const name = nameOf(request.url);
    if (!name) return new Response('no database', { status: 404 });
    return env.SUBJECTS.get(env.SUBJECTS.idFromName(name)).fetch(request);
  },
};
