import { Engine } from '../engine/engine.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { assertArgument, assertNames, assertNumbers } from '../wal/argument.ts';
import type { ChangeLog } from '../wal/index.ts';
import { storeOf } from '../wal/store.ts';
import { onCommits } from './commits.ts';
import type { CdcEvent } from './event.ts';
import type { CdcDatabase } from './feed.ts';
import { plainEvent } from './json.ts';
import { RangeReader } from './range.ts';
import { loadTail, position, saveTail, type TailState } from './tail-state.ts';

export interface TailOptions {
  /** `epoch.lsn`, behind which the client wants to go on: the `to` it had last. Default: what is committed from now on. */
  since?: string | null | undefined;
  tables?: readonly string[];
  ops?: readonly CdcEvent['op'][];
  /** Only events it returns true for. A function does not survive hibernation: {@link resumeTails} needs it again. */
  where?: (event: CdcEvent) => boolean;
  /** Messages the client may have left unacknowledged before it gets no more; default 8, at most 100. */
  window?: number;
  /** Entries of the log per message; default 200. */
  limit?: number;
  /** Entries a client whose window is full may be behind before it is told to resync; default 10,000. */
  maxLag?: number;
}

type Where = TailOptions['where'];

// workerd: a WebSocket message has at most 1 MiB.
const MESSAGE_CHARS = 1_000_000;
const TAILS = new WeakMap<Engine, Tails>();

/**
 * Sends a WebSocket what is committed from now on, as JSON: `{ type: 'ready', at }`, then `{ type: 'changes', from, to,
 * events }` without gap or duplicate, events as `plainEvent` makes them. The client answers each with
 * `{ type: 'ack', at: to }`; without answers it gets no more than `window` of them, and nothing is kept for it: what it
 * has not had is read from the log later. One whose window
 * is full and that is too far behind gets `{ type: 'resync', at, reason }`, reads the rows
 * anew and sends `{ type: 'subscribe', since: at }`. The position is in the socket's attachment, so that the object may
 * hibernate. Resolves when the socket has had what is there.
 */
export function liveTail(db: CdcDatabase, socket: WebSocket, options: TailOptions = {}): Promise<void> {
  const { since, where, window = 8, limit = 200, maxLag = 10_000, tables, ops } = options ?? {};
  assertNumbers({ window, limit, maxLag });
  assertNames(tables, 'tables');
  assertNames(ops, 'ops');
  assertArgument(where === undefined || typeof where === 'function', '`where` is a function of an event.');
  const tails = tailsOf(db);
  loadTail(socket);
  // Their ends are kept in the attachment, which is small.
  const state: TailState = { epoch: '', sent: 0, open: [], window: Math.min(window, 100), limit, maxLag };
  if (tables) state.tables = tables;
  if (ops) state.ops = ops;
  if (where) state.filtered = true;
  return tails.subscribe(socket, state, since, where);
}

/**
 * Goes on with the tails among these sockets: to be called with `ctx.getWebSockets()` whenever the object's database was
 * opened. Others, and those that go on already, are left alone. `where` gives the filter of each socket again.
 * @throws INVALID_ARGUMENT when a socket had one and it is not given: nothing is sent unfiltered
 */
export async function resumeTails(
  db: CdcDatabase,
  sockets: readonly WebSocket[],
  { where }: { where?: (socket: WebSocket) => TailOptions['where'] } = {},
): Promise<void> {
  const tails = tailsOf(db);
  assertArgument(Array.isArray(sockets), 'resumeTails takes a list of sockets.');
  for (const socket of sockets) {
    const state = loadTail(socket);
    if (!state || tails.sockets.has(socket)) continue;
    const filter = where?.(socket);
    assertArgument(
      !state.filtered || filter,
      'A tail was opened with `where`, which does not survive hibernation: give it to resumeTails({ where }).',
    );
    tails.sockets.set(socket, filter);
  }
  await tails.pump();
}

/** Handles a message of a tail's client, in `webSocketMessage`. False when it is none: handle it yourself. */
export async function tailMessage(
  db: CdcDatabase,
  socket: WebSocket,
  message: string | ArrayBuffer,
): Promise<boolean> {
  const state = loadTail(socket);
  if (!state || typeof message !== 'string' || !/^\s*\{\s*"type"\s*:\s*"(ack|subscribe)"/.test(message))
    return false;
  let said: { type: string; at?: unknown; since?: string | null };
  try {
    said = JSON.parse(message);
  } catch {
    return false;
  }
  const tails = tailsOf(db);
  // Not resumed: without its filter it may not be served.
  if (!tails.sockets.has(socket)) await resumeTails(db, [socket]);
  if (said.type === 'subscribe') {
    // The server has chosen tables and operations; a client cannot widen them.
    await tails.subscribe(socket, state, said.since, tails.sockets.get(socket));
    return true;
  }
  const at = position(said.at);
  if (at?.epoch === state.epoch)
    saveTail(socket, { ...state, open: state.open.filter((lsn) => lsn > at.lsn) });
  await tails.pump();
  return true;
}

function tailsOf(db: CdcDatabase): Tails {
  const engine = Engine.of(db.storage);
  let tails = TAILS.get(engine);
  if (!tails) {
    tails = new Tails(engine, db.log);
    TAILS.set(engine, tails);
  }
  return tails;
}

/** All tails of one database. Sockets at one position with equal filters share one read and one text. */
class Tails {
  readonly sockets = new Map<WebSocket, Where>();
  readonly #reader: RangeReader;
  #pumping: Promise<void> | undefined;
  #again = false;

  constructor(
    private readonly engine: Engine,
    private readonly log: ChangeLog,
  ) {
    this.#reader = new RangeReader((range) => log.read(range));
    // A failure meets whoever pumps next.
    onCommits(engine, () => void this.pump().catch(() => {}));
  }

  async subscribe(
    socket: WebSocket,
    state: TailState,
    since: string | null | undefined,
    where: Where,
  ): Promise<void> {
    const from = since === null || since === undefined ? undefined : position(since);
    assertArgument(!since || from, 'since is a position of the log: the last "to" or "at".');
    const { epoch, lsn } = await this.#head();
    const { stale: _, ...rest } = state;
    const at = from ?? { epoch, lsn };
    saveTail(socket, { ...rest, epoch: at.epoch, sent: at.lsn, open: [] });
    this.#send(socket, { type: 'ready', at: `${at.epoch}.${at.lsn}` });
    this.sockets.set(socket, where);
    await this.pump();
  }

  /** Sends everybody what may be sent; calls meanwhile make it look again. */
  pump(): Promise<void> {
    this.#again = true;
    this.#pumping ??= this.#run();
    return this.#pumping;
  }

  async #run(): Promise<void> {
    try {
      // Commits of one turn make one look.
      await Promise.resolve();
      while (this.#again && this.sockets.size) {
        this.#again = false;
        const head = await this.#head();
        for (const group of this.#groups(head)) await this.#serve(group, head);
      }
    } finally {
      this.#pumping = undefined;
    }
  }

  #head(): Promise<{ epoch: string; lsn: number }> {
    return enter(new RootScope(this.engine), () => this.log.head());
  }

  /** Sockets that can take something, by what they are to get. */
  #groups(head: { epoch: string; lsn: number }): Iterable<WebSocket[]> {
    const groups = new Map<string, WebSocket[]>();
    const filters = new Map<Where, number>();
    for (const [socket, where] of this.sockets) {
      const state = loadTail(socket);
      if (!state || socket.readyState !== 1) {
        this.sockets.delete(socket);
        continue;
      }
      const { epoch, sent, open, stale, tables, ops, window, limit, maxLag } = state;
      if (stale) continue;
      if (epoch !== head.epoch || sent > head.lsn || sent < storeOf(this.engine).horizon - 1)
        this.#resync(socket, 'gone', head);
      else if (open.length >= window && head.lsn - sent > maxLag) this.#resync(socket, 'behind', head);
      else if (sent < head.lsn && open.length < window) {
        if (!filters.has(where)) filters.set(where, filters.size);
        const key = JSON.stringify([sent, tables, ops, limit, filters.get(where)]);
        const group = groups.get(key);
        if (group) group.push(socket);
        else groups.set(key, [socket]);
      }
    }
    return groups.values();
  }

  async #serve(group: WebSocket[], head: { epoch: string; lsn: number }): Promise<void> {
    const { sent, tables, ops, limit } = loadTail(group[0]!)!;
    const where = this.sockets.get(group[0]!);
    try {
      const { events, to, done } = await this.#reader.next(
        (range) => this.log.read({ ...range, after: sent }),
        { limit, maxBytes: MESSAGE_CHARS / 2 },
        { tables },
      );
      const kept = events.filter((event) => (!ops || ops.includes(event.op)) && (!where || where(event)));
      const { epoch } = head;
      const text = kept.length
        ? JSON.stringify({
            type: 'changes',
            from: `${epoch}.${sent}`,
            to: `${epoch}.${to}`,
            events: kept.map(plainEvent),
          })
        : '';
      for (const socket of group) {
        const state = loadTail(socket);
        // It may have subscribed anew meanwhile.
        if (!state || state.sent !== sent || state.epoch !== epoch) continue;
        if (text.length > MESSAGE_CHARS) this.#resync(socket, 'too large', { epoch, lsn: to });
        else {
          // Before it is sent: a message twice cannot be told from two, and one that fails ends the socket.
          saveTail(socket, { ...state, sent: to, open: text ? [...state.open, to] : state.open });
          if (text) this.#send(socket, text);
        }
      }
      if (!done) this.#again = true;
    } catch (error) {
      for (const socket of group) this.#fail(socket, error);
    }
  }

  #resync(socket: WebSocket, reason: string, { epoch, lsn }: { epoch: string; lsn: number }): void {
    saveTail(socket, { ...loadTail(socket)!, open: [], stale: true });
    this.#send(socket, { type: 'resync', reason, at: `${epoch}.${lsn}` });
  }

  #send(socket: WebSocket, message: string | object): void {
    try {
      socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    } catch {
      // Closed meanwhile.
      this.sockets.delete(socket);
    }
  }

  #fail(socket: WebSocket, error: unknown): void {
    this.sockets.delete(socket);
    try {
      socket.close(1011, error instanceof DosqlError ? error.code : 'error');
    } catch {
      // Closed already.
    }
  }
}
