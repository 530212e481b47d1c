import { DurableObject } from 'cloudflare:workers';
import {
  type AlarmReport,
  liveTail,
  resumeTails,
  sharedAlarm,
  type TailOptions,
  tailMessage,
} from '../../../src/cdc/index.ts';
import { inUse } from '../../in-use.ts';
import { type Opened, opened } from './opened.ts';

/** Serves live tails, and runs jobs by its alarm. */
export class TailObject extends DurableObject {
  readonly born: string = crypto.randomUUID();
  readonly alarms = sharedAlarm(this.ctx.storage);
  readonly reports: AlarmReport[] = [];
  #db: Promise<Opened> | undefined;

  constructor(ctx: DurableObjectState, env: never) {
    super(ctx, env);
    inUse(ctx);
  }

  database(): Promise<Opened> {
    this.#db ??= this.#open();
    return this.#db;
  }

  async #open(): Promise<Opened> {
    const db = await opened(this.ctx.storage);
    await resumeTails(db, this.ctx.getWebSockets());
    return db;
  }

  /** Runs each statement in a transaction of its own; resolves to the head of the log. */
  async write(...statements: string[]): Promise<{ epoch: string; lsn: number; born: string }> {
    const db = await this.database();
    for (const sql of statements) await db.run(sql);
    return { ...db.log.head(), born: this.born };
  }

  override async fetch(request: Request): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({ user: 'u1' });
    await liveTail(
      await this.database(),
      server,
      JSON.parse(new URL(request.url).searchParams.get('options')!) as TailOptions,
    );
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, message: string): Promise<void> {
    if (await tailMessage(await this.database(), socket, message)) return;
    const { user } = socket.deserializeAttachment() as { user: string };
    socket.send(JSON.stringify({ type: 'echo', user, message }));
  }

  override async alarm(): Promise<void> {
    this.reports.push(
      ...(await this.alarms.run({
        job: async () => {
          await this.write("INSERT INTO items (sku) VALUES ('job')");
        },
        user: async () => {
          await this.write("INSERT INTO items (sku) VALUES ('user')");
        },
      })),
    );
  }
}
