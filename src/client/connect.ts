import type { IntegerMode } from '../engine/integers.ts';
import type { QueryResult, RunResult } from '../engine/result.ts';
import type { BatchItem, QueryOptions } from '../engine/statements.ts';
import type { Params, Row, SqlValueInput, Value } from '../engine/values.ts';
import { DosqlError, type DosqlErrorCode, type ErrorDetails } from '../errors/index.ts';
import { type ChangesOptions, type OnChanges, type OnRows, Socket, type Subscription } from './socket.ts';
import { fromWire, paramsToWire } from './value.ts';

/** A token, or what gives one: it is asked for each request, and again whenever the WebSocket reconnects. */
export type Token = string | (() => string | Promise<string>);

export interface ConnectOptions {
  token?: Token;
  /** Instead of the global `fetch`: that of a service binding, say. */
  fetch?: (request: Request) => Promise<Response>;
  /** Instead of the global `WebSocket`. */
  WebSocket?: typeof WebSocket;
  /** How integers beyond ±(2^53-1) arrive; default `'throw'`. */
  integers?: IntegerMode;
}

export interface ClientQueryOptions extends QueryOptions {
  /** Gives up waiting. A write may have happened all the same. */
  signal?: AbortSignal;
}

type Wire = { columns: string[]; rows: unknown[][]; lastInsertRowid: unknown } & Record<string, unknown>;

/**
 * A database of a Durable Object from outside. Errors are DosqlErrors with the server's code, or CONNECTION_FAILED when
 * there was no answer: then a write may or may not have happened.
 */
export class Client {
  readonly #url: string;
  readonly #options: ConnectOptions;
  #socket: Socket | undefined;

  /** @internal Use `connect`. */
  constructor(url: string, options: ConnectOptions) {
    // What may be a secret in it would be part of errors. Without the slash, a path would replace the last part.
    this.#url = url
      .replace(/^(\w+:\/\/)[^/@]*@/, '$1')
      .replace(/[?#].*$/, '')
      .replace(/\/*$/, '/');
    this.#options = options;
  }

  /** @internal */
  get integers(): IntegerMode {
    return this.#options.integers ?? 'throw';
  }

  /** Runs one statement and returns its rows. @throws DosqlError */
  async query<T = Row>(
    sql: string,
    params?: Params,
    options: ClientQueryOptions = {},
  ): Promise<QueryResult<T>> {
    return this.run<T>(sql, params, options);
  }

  /** Runs one statement and also tells how many rows it changed. @throws DosqlError */
  async run<T = Row>(sql: string, params?: Params, options: ClientQueryOptions = {}): Promise<RunResult<T>> {
    const body = { sql, params: paramsToWire(params) };
    return this.#result<T>((await this.#post(body, 'rows', options.signal)) as Wire, options);
  }

  /** Tagged template: every `${value}` is bound, never spliced. Returns the rows. @throws DosqlError */
  async sql<T = Row>(strings: TemplateStringsArray, ...values: SqlValueInput[]): Promise<T[]> {
    return (await this.run<T>(strings.join('?'), values)).rows;
  }

  /** Runs statements in order, in one transaction: all or none. @throws DosqlError */
  async batch<T = Row>(
    statements: readonly BatchItem[],
    options: ClientQueryOptions = {},
  ): Promise<RunResult<T>[]> {
    const items = statements.map((item) =>
      typeof item === 'string' ? item : [item[0], paramsToWire(item[1])],
    );
    const { results } = (await this.#post({ statements: items }, 'results', options.signal)) as {
      results: Wire[];
    };
    return results.map((result) => this.#result<T>(result, options));
  }

  /**
   * A live query: `onRows` gets its rows now and whenever a commit has changed them. Reconnects by itself; a result that
   * arrives while `onRows` is at work waits for it.
   */
  subscribe<T = Row>(
    query: string | readonly [sql: string, params?: Params],
    onRows: OnRows<T>,
    onError?: (error: DosqlError) => void,
  ): Subscription {
    const [sql, params] = typeof query === 'string' ? [query] : query;
    return this.#open().live(
      { sql, params: paramsToWire(params) },
      (wire) => onRows(this.#rows(wire as Wire)),
      onError,
    );
  }

  /**
   * The changes of tables as they are committed, each batch once and in order: the position moves when `onChanges` has
   * resolved, and a reconnect goes on from there.
   */
  changes(
    options: ChangesOptions,
    onChanges: OnChanges,
    onError?: (error: DosqlError) => void,
  ): Subscription {
    return this.#open().changes(options, onChanges, onError);
  }

  /** A request to any route of the server, with the token. @throws CONNECTION_FAILED, and what the server answers */
  async request(path: string, init: RequestInit & { duplex?: 'half' } = {}): Promise<Response> {
    const { fetch: send = fetch } = this.#options;
    const headers = new Headers(init.headers);
    const token = await this.#token();
    if (token) headers.set('authorization', `Bearer ${token}`);
    const where = path.split('?')[0];
    let response: Response;
    try {
      response = await send(new Request(this.#url + path, { ...init, headers }));
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new DosqlError('CONNECTION_FAILED', `No answer from ${this.#url}${where}.`, { cause });
    }
    if (response.ok) return response;
    const { code, message, ...details } = (await response.json().catch(() => ({}))) as Record<string, never>;
    if (!code)
      throw new DosqlError(
        'CONNECTION_FAILED',
        `${this.#url}${where} answered with status ${response.status}.`,
      );
    throw new DosqlError(code as DosqlErrorCode, message!, details as ErrorDetails);
  }

  /** Ends the subscriptions and closes the WebSocket. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options;
    return checkToken(typeof token === 'function' ? await token() : token);
  }

  /** The answer, an object with `key` in it. @throws CONNECTION_FAILED when it was cut off, or is from somebody else */
  async #post(body: object, key: string, signal: AbortSignal | undefined): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body), ...(signal && { signal }) };
    const response = await this.request('query', init);
    let cause: unknown;
    try {
      const answer = (await response.json()) as Record<string, unknown> | null;
      if (answer?.[key]) return answer;
    } catch (error) {
      if (signal?.aborted) throw error;
      cause = error;
    }
    const what = `The answer of ${this.#url} was cut off, or is not that of a DoSQL server.`;
    throw new DosqlError('CONNECTION_FAILED', what, { cause });
  }

  #result<T>(wire: Wire, options: QueryOptions): RunResult<T> {
    const lastInsertRowid = fromWire(wire.lastInsertRowid, 'bigint', '') as number;
    return { ...wire, ...this.#rows(wire, options), lastInsertRowid } as RunResult<T>;
  }

  #rows<T>({ columns, rows }: Wire, options: QueryOptions = {}): { columns: string[]; rows: T[] } {
    const mode = options.integers ?? this.integers;
    const values = rows.map((row) => row.map((value, i) => fromWire(value, mode, columns[i]!)));
    const object = (row: Value[]) => Object.fromEntries(row.map((value, i) => [columns[i], value]));
    return { columns, rows: (options.rows === 'values' ? values : values.map(object)) as T[] };
  }

  #open(): Socket {
    this.#socket ??= new Socket({
      url: `${this.#url.replace(/^http/, 'ws')}ws`,
      WebSocket: this.#options.WebSocket ?? WebSocket,
      token: () => this.#token(),
      probe: () => this.request('ws'),
    });
    return this.#socket;
  }
}

/** The error of whoever takes it for a header would repeat it. @throws INVALID_ARGUMENT */
export function checkToken(token: string | undefined): string | undefined {
  if (token && !/^[!-~]+$/.test(token.trim()))
    throw new DosqlError('INVALID_ARGUMENT', 'The token holds characters that no token has.');
  return token?.trim();
}

/**
 * A client for the server that is mounted at `url`, prefix and all: `connect('https://example.com/databases/a', { token })`.
 * Nothing is sent before the first call.
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Client {
  return new Client(`${url}`, options);
}
