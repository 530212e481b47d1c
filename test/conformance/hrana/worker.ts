import { DurableObject } from 'cloudflare:workers';
import * as tail from '../../../src/cdc/index.ts';
import { DB } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inUse } from '../../in-use.ts';

const SECRET = 'a secret of the tests, with more than 32 bytes';
/** Every tenant's tokens are for this database. */
const DATABASE = 'tenants';

interface Env {
  SUBJECTS: DurableObjectNamespace<Subject>;
}

/** One tenant's database. Those whose name starts with `logged` have the change log. */
export class Subject extends DurableObject<Env> {
  readonly #database = DB(DATABASE, {
    storage: this.ctx.storage,
    ctx: this.ctx,
    extensions: this.ctx.id.name?.startsWith('logged') ? [changeLog({ tables: '*' })] : [],
  });
  readonly #handler = createHandler(() => this.#database, { auth: { secret: SECRET }, ctx: this.ctx, tail });

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    inUse(ctx);
  }

  override async fetch(request: Request): Promise<Response> {
    // What no client may ask, and the tests want to know.
    if (request.headers.has('x-inside'))
      return Response.json((await (await this.#database).query(await request.text())).rows);
    return this.#handler.fetch(request);
  }

  override webSocketMessage(socket: WebSocket, message: string): Promise<void> {
    return this.#handler.webSocketMessage(socket, message);
  }
}

export default {
  fetch(request, env) {
    const [, , tenant = ''] = new URL(request.url).pathname.split('/');
    return env.SUBJECTS.get(env.SUBJECTS.idFromName(tenant)).fetch(request);
  },
} satisfies ExportedHandler<Env>;
