import { DurableObject } from 'cloudflare:workers';
import { type Database, DB } from '../../src/index.ts';
import { inUse } from '../in-use.ts';
import { receive } from './cdc/queue-consumer.ts';
import type { TailObject } from './cdc/tail-object.ts';
import type { ServerObject } from './server/server-object.ts';
import { site } from './virtual/site.ts';

export { TailObject } from './cdc/tail-object.ts';
export { ServerObject } from './server/server-object.ts';

export interface Env {
  OBJECTS: DurableObjectNamespace<TestObject>;
  OLD_OBJECTS: DurableObjectNamespace<KvObject>;
  BUCKET: R2Bucket;
  QUEUE: Queue;
  DELIVERED: Queue;
  WARM: KVNamespace;
  TAILS: DurableObjectNamespace<TailObject>;
  SERVERS: DurableObjectNamespace<ServerObject>;
}

/** Runs SQL that arrives by socket or call. Most tests only work inside an instance with `runInDurableObject`. */
export class TestObject extends DurableObject<Env> {
  /** New with every construction, so that a test can see an eviction. */
  readonly born: string = crypto.randomUUID();

  #db: Promise<Database> | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    inUse(ctx);
  }

  database(): Promise<Database> {
    this.#db ??= DB('test', {
      storage: this.ctx.storage,
      ctx: this.ctx,
      migrations: [
        {
          id: '0001_events',
          sql: 'CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, body TEXT NOT NULL)',
        },
      ],
    });
    return this.#db;
  }

  /** Runs a statement after as many awaits as asked for. */
  async slowly(sql: string, awaits: number): Promise<Record<string, number>[]> {
    const db = await this.database();
    for (let i = 0; i < awaits; i++) await scheduler.wait(1);
    return (await db.query<Record<string, number>>(sql)).rows;
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, sql: string): Promise<void> {
    const { rows } = await (await this.database()).query(sql);
    socket.send(JSON.stringify({ born: this.born, rows }));
  }
}

/** Declared with `new_classes`: its storage has no SQL. */
export class KvObject extends DurableObject<Env> {}

export default {
  fetch(request): Response | Promise<Response> {
    if (new URL(request.url).hostname.endsWith('.example.com')) return site(request);
    return new Response('dosql test worker');
  },
  queue: receive,
} satisfies ExportedHandler<Env>;
