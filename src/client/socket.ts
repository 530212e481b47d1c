import type { Row } from '../engine/values.ts';
import { DosqlError, type DosqlErrorCode } from '../errors/index.ts';
import { fromWire } from './value.ts';

/** One change of a row, as the change log has it; values as a select would give them, large integers as bigint. */
export interface ChangeEvent {
  readonly op: 'insert' | 'update' | 'delete';
  readonly table: string;
  readonly lsn: number;
  readonly key: Row | null;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly [other: string]: unknown;
}

export interface ChangesOptions {
  /** The `position` of an earlier subscription, to go on behind it; default: what is committed from now on. */
  since?: string;
  tables?: readonly string[];
  ops?: readonly ChangeEvent['op'][];
  /**
   * Called when changes are lost to this client: it was away for longer than the log goes back. Read the rows anew; when
   * it has resolved, changes go on behind that moment. Without it the subscription ends with HISTORY_UNAVAILABLE.
   */
  onResync?: (reason: string) => void | Promise<void>;
}

export type OnChanges = (events: readonly ChangeEvent[]) => void | Promise<void>;
export type OnRows<T> = (result: { columns: string[]; rows: T[] }) => void | Promise<void>;

/** What is subscribed to until it is closed, or has failed. */
export interface Subscription {
  /** Behind the last changes that were handled; to be kept, it survives a reload of the page. Undefined for queries. */
  readonly position: string | undefined;
  close(): void;
}

interface Said {
  id: string;
  type?: string;
  error?: { code: DosqlErrorCode; message: string };
  at?: string;
  to?: string;
  reason?: string;
  version?: number;
  events?: Record<string, unknown>[];
}

interface Kept {
  position: string | undefined;
  /** What to send to begin, or to go on. */
  readonly begin: () => object;
  /** Handles a message; what it returns is acknowledged. */
  readonly handle: (said: Said) => Promise<unknown>;
  readonly onError: ((error: DosqlError) => void) | undefined;
  /** Messages are handled one by one. */
  work: Promise<unknown>;
}

interface SocketOptions {
  readonly url: string;
  readonly WebSocket: typeof WebSocket;
  readonly token: () => Promise<string | undefined>;
  /** Asks over HTTP: a browser does not say why a WebSocket could not be opened. */
  readonly probe: () => Promise<unknown>;
}

/** Codes that trying again changes nothing about. */
const FATAL = /^(UNAUTHENTICATED|NOT_AUTHORIZED|NOT_FOUND|FEATURE_NOT_ENABLED)$/;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 15_000;

/** All subscriptions of a client, over one WebSocket that is opened again whenever it breaks. */
export class Socket {
  readonly #kept = new Map<string, Kept>();
  #socket: WebSocket | undefined;
  /** Open, being opened, or waiting to be. */
  #active = false;
  #wasOpen = false;
  /** Counts connections: what one of them says late does not concern the next. */
  #turn = 0;
  #delay = FIRST_DELAY_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ids = 0;

  private readonly options: SocketOptions;

  // Without a parameter property, so that Node can strip the types.
  constructor(options: SocketOptions) {
    this.options = options;
  }

  live(
    subscribe: object,
    onRows: (wire: unknown) => void | Promise<void>,
    onError: Kept['onError'],
  ): Subscription {
    return this.#add(
      () => ({ subscribe }),
      async (said) => {
        if (said.type === 'rows') await onRows(said);
        return said.version;
      },
      onError,
    );
  }

  changes(
    { since, tables, ops, onResync }: ChangesOptions,
    onChanges: OnChanges,
    onError: Kept['onError'],
  ): Subscription {
    const begin = () => ({ subscribe: { changes: { since: kept.position, tables, ops } } });
    const kept: Kept = this.#add(
      begin,
      async ({ id, type, at, to, reason, events }) => {
        if (type === 'ready') kept.position = at;
        else if (type === 'changes') {
          await onChanges(events!.map(eventOf));
          kept.position = to;
          return to;
        } else if (type === 'resync') {
          if (!onResync)
            throw new DosqlError(
              'HISTORY_UNAVAILABLE',
              `Changes were missed (${reason}): read the rows anew, or give onResync.`,
            );
          kept.position = at;
          await onResync(reason!);
          this.#send(id, begin());
        }
        return undefined;
      },
      onError,
    );
    kept.position = since;
    return kept as unknown as Subscription;
  }

  close(): void {
    this.#kept.clear();
    this.#turn++;
    this.#active = this.#wasOpen = false;
    clearTimeout(this.#timer as Parameters<typeof clearTimeout>[0]);
    this.#socket?.close();
    this.#socket = undefined;
  }

  #add(begin: Kept['begin'], handle: Kept['handle'], onError: Kept['onError']): Kept & Subscription {
    const id = `${++this.#ids}`;
    const close = () => this.#end(id);
    const kept = { position: undefined, begin, handle, onError, work: Promise.resolve(), close };
    this.#kept.set(id, kept);
    // Behind the caller's own lines, which may still set the position.
    queueMicrotask(() => this.#send(id, begin()));
    if (!this.#active) void this.#connect();
    return kept;
  }

  /** Without subscriptions there is nothing to stay connected for. */
  #end(id: string): void {
    if (!this.#kept.delete(id)) return;
    if (this.#kept.size === 0) this.close();
    else this.#send(id, { unsubscribe: true });
  }

  #send(id: string, message: object): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify({ id, ...message }));
  }

  async #connect(): Promise<void> {
    this.#active = true;
    const turn = ++this.#turn;
    const current = () => turn === this.#turn;
    let socket: WebSocket;
    let token: string | undefined;
    try {
      token = await this.options.token();
    } catch (cause) {
      if (!current()) return;
      // Who is offline cannot ask for a token either.
      if (this.#wasOpen && !(cause instanceof DosqlError)) this.#reconnect();
      else this.#fail(new DosqlError('CONNECTION_FAILED', 'There is no token.', { cause }));
      return;
    }
    if (!current()) return;
    try {
      // A web page can give a token to a WebSocket in no other way.
      const protocols = ['dosql', ...(token ? [`bearer.${token}`] : [])];
      socket = new this.options.WebSocket(this.options.url, protocols);
    } catch (cause) {
      this.#fail(new DosqlError('CONNECTION_FAILED', 'No WebSocket could be opened.', { cause }));
      return;
    }
    this.#socket = socket;
    let opened = false;
    socket.addEventListener('open', () => {
      opened = this.#wasOpen = true;
      this.#delay = FIRST_DELAY_MS;
      for (const [id, kept] of this.#kept) {
        // What is being handled moves the position from which to go on.
        void kept.work.then(() => {
          if (current() && this.#kept.get(id) === kept) this.#send(id, kept.begin());
        });
      }
    });
    socket.addEventListener('message', ({ data }) =>
      this.#receive(JSON.parse(data as string) as Said, current),
    );
    const end = async () => {
      if (!current()) return;
      const again = ++this.#turn;
      this.#socket = undefined;
      if (!opened) {
        const error = await this.options.probe().then(
          () => undefined,
          (error: DosqlError) => error,
        );
        if (again !== this.#turn) return;
        if (error && FATAL.test(error.code)) return this.#fail(error);
      }
      this.#reconnect();
    };
    // Node tells of a failure ten seconds before it closes.
    socket.addEventListener('error', end);
    socket.addEventListener('close', end);
  }

  #reconnect(): void {
    this.#timer = setTimeout(() => void this.#connect(), this.#delay * (0.5 + Math.random() / 2));
    this.#delay = Math.min(2 * this.#delay, MAX_DELAY_MS);
  }

  #receive(said: Said, current: () => boolean): void {
    const { id, error } = said;
    const kept = this.#kept.get(id);
    if (!kept) return;
    kept.work = kept.work.then(async () => {
      // Of a connection that has broken since: it comes again.
      if (!current() || this.#kept.get(id) !== kept) return;
      try {
        if (error) throw new DosqlError(error.code, error.message);
        const done = await kept.handle(said);
        if (done !== undefined && current()) this.#send(id, { ack: done });
      } catch (cause) {
        this.#end(id);
        report(kept, cause);
      }
    });
  }

  #fail(error: DosqlError): void {
    const all = [...this.#kept.values()];
    this.close();
    for (const kept of all) report(kept, error);
  }
}

/** An error that nobody takes is not swallowed. */
function report({ onError }: Kept, error: unknown): void {
  if (onError) onError(error as DosqlError);
  else void Promise.reject(error);
}

function eventOf(plain: Record<string, unknown>): ChangeEvent {
  const { binary, ...event } = plain;
  if (binary) event['payload'] = fromWire(plain['payload'], 'bigint', '');
  for (const part of ['key', 'before', 'after']) {
    const row = plain[part];
    if (row)
      event[part] = Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, fromWire(value, 'bigint', name)]),
      );
  }
  return event as ChangeEvent;
}
