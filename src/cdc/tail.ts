import { Engine } from '../engine/engine.ts';
import { assertArgument, assertNames, assertNumbers } from '../wal/argument.ts';
import type { CdcEvent } from './event.ts';
import type { CdcDatabase } from './feed.ts';
import { loadTail, markOf, position, saveTail, type TailState } from './tail-state.ts';
import { Tails } from './tails.ts';

export interface TailOptions {
  /**
   * Without `since`: first every present row as `{ type: 'snapshot', from, to, done, events }`, then what changed since, no
   * gap and no duplicate. `to` of the last one acknowledged, or not, is a position to go on from like any other.
   */
  snapshot?: boolean;
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

const TAILS = new WeakMap<Engine, Tails>();

/**
 * Sends a WebSocket what is committed from now on, as JSON: `{ type: 'ready', at }`, then `{ type: 'changes', from, to,
 * events }` without gap or duplicate, events as `plainEvent` makes them. The client answers each with
 * `{ type: 'ack', at: to }`; without answers it gets no more than `window` of them, and nothing is kept for it: what it
 * has not had is read from the log later. One whose window is full and that is too far behind gets `{ type: 'resync', at,
 * reason }`, reads the rows anew and sends `{ type: 'subscribe', since: at }`, or with `snapshot` `since: null`. The
 * position is in the socket's attachment, so that the object may hibernate. Resolves when the socket has had what is there.
 */
export function liveTail(db: CdcDatabase, socket: WebSocket, options: TailOptions = {}): Promise<void> {
  const { since, where, window = 8, limit = 200, maxLag = 10_000, tables, ops, snapshot } = options ?? {};
  assertNumbers({ window, limit, maxLag });
  assertNames(tables, 'tables');
  assertNames(ops, 'ops');
  assertArgument(where === undefined || typeof where === 'function', '`where` is a function of an event.');
  const tails = tailsOf(db);
  loadTail(socket);
  // Their ends are kept in the attachment, which is small.
  const state: TailState = { epoch: '', sent: 0, open: [], window: Math.min(window, 100), limit, maxLag };
  if (snapshot) state.snapshot = true;
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
    saveTail(socket, { ...state, open: state.open.filter((mark) => mark > markOf(at)) });
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
