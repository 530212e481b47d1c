import type { Engine } from '../engine/engine.ts';
import { Pump } from '../engine/pump.ts';
import { enter, RootScope } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { byteLength } from '../sql/literal.ts';
import { assertArgument } from '../wal/argument.ts';
import type { ChangeLog } from '../wal/index.ts';
import { storeOf } from '../wal/store.ts';
import { onCommits } from './commits.ts';
import type { CdcEvent } from './event.ts';
import { meanWeight, plainEvent } from './json.ts';
import { FIRST_LOOK, RangeReader } from './range.ts';
import { Snapshot, snapshotTables } from './snapshot.ts';
import {
  type Cursor,
  loadTail,
  markOf,
  type Position,
  position,
  positionText,
  saveTail,
  type TailState,
} from './tail-state.ts';

/** Only events it returns true for. */
export type Where = ((event: CdcEvent) => boolean) | undefined;

// workerd: a WebSocket message has at most 1 MiB.
const MESSAGE_BYTES = 1_000_000;

/** What is to be sent next. */
interface Part {
  events: readonly CdcEvent[];
  /** Where the reader stands then. */
  lsn: number;
  next?: Cursor | undefined;
  /** Nothing is behind it. */
  done: boolean;
}

/** All tails of one database. Sockets at one position with equal filters share one read and one text. */
export class Tails {
  readonly sockets = new Map<WebSocket, Where>();
  readonly #reader: RangeReader;
  readonly #pump = new Pump(async () => {
    if (this.sockets.size === 0) return;
    const head = await this.#head();
    for (const group of this.#groups(head)) await this.#serve(group, head);
  });
  /** Bytes per row of a snapshot, as seen last. */
  #mean = 0;

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
    const at: Position = from ?? { epoch, lsn, rows: state.snapshot && [0, 0] };
    saveTail(socket, { ...rest, epoch: at.epoch, sent: at.lsn, rows: at.rows, open: [] });
    this.#send(socket, { type: 'ready', at: positionText(at) });
    this.sockets.set(socket, where);
    await this.pump();
  }

  /** Sends everybody what may be sent; calls meanwhile make it look again. */
  pump(): Promise<void> {
    return this.#pump.run();
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
      const { epoch, sent, open, stale, tables, ops, window, limit, maxLag, rows } = state;
      if (stale) continue;
      if (epoch !== head.epoch || sent > head.lsn || sent < storeOf(this.engine).horizon - 1)
        this.#resync(socket, 'gone', head);
      else if (!rows && open.length >= window && head.lsn - sent > maxLag)
        this.#resync(socket, 'behind', head);
      else if ((rows || sent < head.lsn) && open.length < window) {
        if (!filters.has(where)) filters.set(where, filters.size);
        const key = JSON.stringify([sent, rows, tables, ops, limit, filters.get(where)]);
        const group = groups.get(key);
        if (group) group.push(socket);
        else groups.set(key, [socket]);
      }
    }
    return groups.values();
  }

  async #serve(group: WebSocket[], head: { epoch: string; lsn: number }): Promise<void> {
    const first = loadTail(group[0]!)!;
    const { sent, rows, ops } = first;
    const where = this.sockets.get(group[0]!);
    try {
      const { epoch } = head;
      let text: string;
      let part: Part;
      let to: Position;
      let fits: boolean;
      // What events weigh is a guess: they are fewer each time until they fit.
      for (let most = MESSAGE_BYTES / 2; ; most /= 4) {
        part = await (rows ? this.#rows(first, rows, most) : this.#changes(first, most));
        const { events, lsn, next } = part;
        const kept = events.filter(
          (event) => (rows || !ops || ops.includes(event.op)) && (!where || where(event)),
        );
        to = { epoch, lsn, rows: next };
        const from = positionText({ epoch, lsn: sent, rows });
        const about = { from, to: positionText(to), events: kept.map(plainEvent) };
        text = '';
        if (rows) text = JSON.stringify({ type: 'snapshot', done: !next, ...about });
        else if (kept.length) text = JSON.stringify({ type: 'changes', ...about });
        fits = byteLength(text) <= MESSAGE_BYTES;
        if (fits || events.length < 2) break;
      }
      const { lsn, next, done } = part;
      for (const socket of group) {
        const state = loadTail(socket);
        // It may have subscribed anew meanwhile.
        if (!state || state.epoch !== epoch || state.sent !== sent || state.rows?.[0] !== rows?.[0]) continue;
        if (!fits) this.#resync(socket, 'too large', to);
        else {
          const open = text ? [...state.open, markOf(to)] : state.open;
          this.#move(socket, { ...state, sent: lsn, rows: next, open }, text);
        }
      }
      if (!done) void this.pump();
    } catch (error) {
      for (const socket of group) this.#fail(socket, error);
    }
  }

  async #changes({ sent, tables, limit }: TailState, maxBytes: number): Promise<Part> {
    const { events, to, done } = await this.#reader.next(
      (range) => this.log.read({ ...range, after: sent }),
      { limit, maxBytes },
      { tables },
    );
    return { events, lsn: to, done };
  }

  /** The next rows of a snapshot, of which nothing is kept but where it stands. */
  async #rows(
    { sent: lsn, tables: only, limit }: TailState,
    [had, first, after]: Cursor,
    maxBytes: number,
  ): Promise<Part> {
    const store = storeOf(this.engine);
    const tables = snapshotTables(store, lsn, only).filter((id) => id >= first);
    const progress = {
      lsn,
      tables,
      rows: had,
      part: 0,
      ...(tables[0] === first && after && { after: [...after] }),
    };
    for (let mean = this.#mean || maxBytes / FIRST_LOOK; ; mean = this.#mean) {
      const count = Math.max(1, Math.min(limit, maxBytes / mean) | 0);
      const most = { limit: count, maxBytes: MESSAGE_BYTES, only };
      const found = await new Snapshot(store, '').read(progress, this.log, most);
      if (!found) return { events: [], lsn, done: false };
      const { events, rest } = found;
      this.#mean = meanWeight(events);
      if (events.length > 1 && this.#mean * events.length > maxBytes) continue;
      const next = rest && ([rest.rows, rest.tables[0]!, ...(rest.after ? [rest.after] : [])] as const);
      return { events, lsn, next: next as Cursor | undefined, done: false };
    }
  }

  #resync(socket: WebSocket, reason: string, at: Position): void {
    const state: TailState = { ...loadTail(socket)!, open: [], rows: undefined, stale: true };
    this.#move(socket, state, { type: 'resync', reason, at: positionText(at) });
  }

  /** First the state: a message twice cannot be told from two. A socket that cannot keep it ends, and no other one. */
  #move(socket: WebSocket, state: TailState, message: string | object): void {
    try {
      saveTail(socket, state);
    } catch (error) {
      this.#fail(socket, error);
      return;
    }
    if (message) this.#send(socket, message);
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
