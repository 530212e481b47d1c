import { DurableObject } from 'cloudflare:workers';
import * as tail from '../../../src/cdc/index.ts';
import { DB } from '../../../src/index.ts';
import { createHandler } from '../../../src/server/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inUse } from '../../in-use.ts';

const SECRET = 'a secret of the tests, with more than 32 bytes';
const DATABASE = 'tenant-a';

/** A database that is served as a user's would be, with the change log. */
export class ServerObject extends DurableObject {
  readonly database = DB(DATABASE, {
    storage: this.ctx.storage,
    ctx: this.ctx,
    extensions: [changeLog({ tables: '*' })],
    migrations: [
      {
        id: '0001_items',
        sql: 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL, data BLOB)',
      },
    ],
  });
  readonly #handler = createHandler((request) => this.open(request), {
    auth: { secret: SECRET },
    ctx: this.ctx,
    tail,
    cors: { origins: ['https://app.example'] },
  });

  constructor(ctx: DurableObjectState, env: never) {
    super(ctx, env);
    inUse(ctx);
  }

  /** What is at `/broken/` cannot be opened any more when there is a value `broken`. */
  open({ url }: Request): typeof this.database {
    if (url.includes('/broken/') && this.ctx.storage.kv.get('broken')) throw new Error('cannot be opened');
    return this.database;
  }

  override fetch(request: Request): Promise<Response> {
    return this.#handler.fetch(request);
  }

  override webSocketMessage(socket: WebSocket, message: string): Promise<void> {
    return this.#handler.webSocketMessage(socket, message);
  }

  override webSocketClose(socket: WebSocket): Promise<void> {
    return this.#handler.webSocketClose(socket);
  }
}
