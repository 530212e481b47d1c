import type { Database } from '../engine/database.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import { byteLength } from '../sql/literal.ts';
import { attach, attached, keepSubscription, live } from './attachment.ts';
import { within } from './budget.ts';
import type { Grant, Limits } from './grant.ts';
import { LiveQueries } from './live.ts';
import { answer } from './query.ts';
import { MESSAGE_BYTES, parseJson, tooLarge, wireError } from './respond.ts';
import type { Session } from './session.ts';
import { type Tail, TailSocket } from './tail-socket.ts';

interface SocketOptions {
  readonly open: (request: Request) => Promise<Database>;
  readonly session: (db: Database, grant: Grant) => Session;
  readonly ctx: DurableObjectState | undefined;
  readonly tail: Tail | undefined;
  readonly limits: Limits;
}

const TAG = 'dosql';
/** Messages in the change log belong to no table. */
const OF_TABLES: readonly string[] = ['insert', 'update', 'delete', 'schema'];

/** The WebSockets of one handler. Nothing that a client relies on is in memory only: the object may hibernate. */
export class Sockets {
  readonly #sessions = new WeakMap<WebSocket, Promise<Session>>();
  readonly #tails = new WeakMap<WebSocket, Map<string, TailSocket>>();
  readonly #live = new LiveQueries((socket, message) => this.#send(socket, message));
  readonly #resumed = new WeakMap<WebSocket, Promise<void>>();

  constructor(private readonly options: SocketOptions) {
    // Behind the constructor of the object, whose fields are not all there yet.
    queueMicrotask(() => {
      for (const socket of options.ctx?.getWebSockets(TAG) ?? []) void this.#resume(socket);
    });
  }

  /** @throws FEATURE_NOT_ENABLED, INVALID_ARGUMENT */
  accept(request: Request, session: Session): Response {
    const { ctx } = this.options;
    if (!ctx)
      throw new DosqlError(
        'FEATURE_NOT_ENABLED',
        'WebSockets need ctx: createHandler(db, { ctx: this.ctx }).',
      );
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket')
      throw new DosqlError('INVALID_ARGUMENT', 'This route is for WebSockets: upgrade.');
    const { 0: client, 1: server } = new WebSocketPair();
    ctx.acceptWebSocket(server, [TAG]);
    attach(server, { url: request.url, grant: session.grant, subscriptions: {} });
    this.#sessions.set(server, Promise.resolve(session));
    this.#resumed.set(server, Promise.resolve());
    const offered = /(?:^|[,\s])dosql(?:$|[,\s])/.test(request.headers.get('sec-websocket-protocol') ?? '');
    return new Response(null, {
      status: 101,
      webSocket: client,
      ...(offered && { headers: { 'sec-websocket-protocol': 'dosql' } }),
    });
  }

  async message(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    // Somebody else's socket, or one whose token has expired.
    if (!live(socket)) return;
    let id: unknown = null;
    try {
      if (typeof message !== 'string') throw new DosqlError('INVALID_ARGUMENT', 'Messages are JSON text.');
      within('bytes of message', this.options.limits.body, byteLength(message), 'Send several.');
      const said = parseJson(message);
      id = said['id'] ?? null;
      if (!/^(string|number)$/.test(typeof id))
        throw new DosqlError('INVALID_ARGUMENT', 'A message needs an id.');
      await this.#resume(socket);
      const reply = await this.#respond(socket, `${id}`, said);
      if (reply) this.#send(socket, { id, ...reply });
    } catch (error) {
      this.#send(socket, { id, error: wireError(error) });
    }
  }

  /** The platform leaves it to the object to answer a close; until then the client waits. */
  closed(socket: WebSocket): void {
    this.forget(socket);
    try {
      if (attached(socket)) socket.close();
    } catch {
      // It was closed by itself.
    }
  }

  forget(socket: WebSocket): void {
    this.#live.forget(socket);
  }

  async #respond(socket: WebSocket, id: string, said: Record<string, unknown>): Promise<object | undefined> {
    const session = await this.#session(socket);
    if (said['subscribe'] !== undefined) return this.#subscribe(socket, session, id, said['subscribe']);
    if (said['unsubscribe'] !== undefined) {
      keepSubscription(socket, id, undefined);
      return { type: 'end' };
    }
    if (said['ack'] !== undefined) return this.#ack(socket, session, id, said['ack']);
    return answer(session, said);
  }

  async #subscribe(socket: WebSocket, session: Session, id: string, what: unknown): Promise<undefined> {
    const { sql, params, changes } = (what ?? {}) as {
      sql?: string;
      params?: unknown;
      changes?: { since?: string | null; tables?: string[]; ops?: ('insert' | 'update' | 'delete')[] };
    };
    if (changes) {
      if (session.allowed) throw new DosqlError('NOT_AUTHORIZED', 'Only single statements are allowed here.');
      const { liveTail } = this.#tail(session);
      const { tables: granted } = session.grant;
      const tables = changes.tables ?? granted;
      const own = granted?.map(foldName);
      if (own && ![tables].flat().every((table) => own.includes(foldName(`${table}`))))
        throw new DosqlError('NOT_AUTHORIZED', 'The tail names a table that this access does not include.');
      keepSubscription(socket, id, { tail: {} });
      const { since } = changes;
      const asked: readonly string[] | undefined = changes.ops;
      const ops = (
        granted ? OF_TABLES.filter((op) => !Array.isArray(asked) || asked.includes(op)) : asked
      ) as typeof changes.ops;
      await liveTail(session.db as never, this.#tailSocket(socket, id) as unknown as WebSocket, {
        ...(since !== undefined && { since }),
        ...(ops && { ops }),
        ...(tables && { tables }),
      });
      return undefined;
    }
    if (session.check(sql as string).access !== 'read')
      throw new DosqlError('READ_ONLY', 'A live query can only read.');
    keepSubscription(socket, id, {
      live: { sql: sql as string, sent: 0, acked: 0, print: '', ...(params !== undefined && { params }) },
    });
    await this.#live.add(socket, session);
    return undefined;
  }

  async #ack(socket: WebSocket, session: Session, id: string, at: unknown): Promise<undefined> {
    const subscription = attached(socket)?.subscriptions[id];
    if (subscription?.live) {
      const query = subscription.live;
      if (typeof at === 'number' && at > query.acked && at <= query.sent)
        keepSubscription(socket, id, { live: { ...query, acked: at } });
      await this.#live.pump();
    } else if (subscription) {
      const said = JSON.stringify({ type: 'ack', at });
      const { tailMessage } = this.#tail(session);
      await tailMessage(session.db as never, this.#tailSocket(socket, id) as unknown as WebSocket, said);
    }
    return undefined;
  }

  /** @throws FEATURE_NOT_ENABLED */
  #tail({ db }: Session): Tail {
    const { tail } = this.options;
    if (tail && 'log' in db) return tail;
    throw new DosqlError(
      'FEATURE_NOT_ENABLED',
      "Subscriptions to changes need changeLog() in DB()'s extensions, and createHandler(db, { tail }) with @dotdo/dosql/cdc.",
    );
  }

  /** Always the same object for one tail: the change log knows it by that. */
  #tailSocket(socket: WebSocket, id: string): TailSocket {
    const tails = this.#tails.get(socket) ?? new Map<string, TailSocket>();
    this.#tails.set(socket, tails);
    const tail = tails.get(id) ?? new TailSocket(socket, id);
    tails.set(id, tail);
    return tail;
  }

  #session(socket: WebSocket): Promise<Session> {
    let session = this.#sessions.get(socket);
    if (!session) {
      const { url, grant } = attached(socket)!;
      session = this.options.open(new Request(url)).then((db) => this.options.session(db, grant));
      session.catch(() => this.#sessions.delete(socket));
      this.#sessions.set(socket, session);
    }
    return session;
  }

  /** Goes on, once per life of the object, with the subscriptions that a socket had before it hibernated. */
  #resume(socket: WebSocket): Promise<void> {
    let resumed = this.#resumed.get(socket);
    if (!resumed) {
      resumed = this.#goOn(socket).catch((error) => {
        // Whoever only listens would never hear of it: closed, a client opens it again and subscribes anew.
        if (socket.readyState === 1) socket.close(1011, wireError(error).code);
      });
      this.#resumed.set(socket, resumed);
    }
    return resumed;
  }

  async #goOn(socket: WebSocket): Promise<void> {
    const entries = Object.entries(attached(socket)?.subscriptions ?? {});
    if (entries.length === 0) return;
    const session = await this.#session(socket);
    const tails = entries.flatMap(([id, { tail }]) => (tail ? this.#tailSocket(socket, id) : []));
    if (tails.length > 0)
      await this.#tail(session).resumeTails(session.db as never, tails as unknown as WebSocket[]);
    if (entries.some(([, { live }]) => live)) await this.#live.add(socket, session);
  }

  /** False when the socket is closed. */
  #send(socket: WebSocket, message: object): boolean {
    try {
      const text = JSON.stringify(message);
      if (byteLength(text) <= MESSAGE_BYTES) socket.send(text);
      else {
        const { id } = message as { id: unknown };
        socket.send(JSON.stringify({ id, error: wireError(tooLarge()) }));
      }
      return true;
    } catch {
      return false;
    }
  }
}
