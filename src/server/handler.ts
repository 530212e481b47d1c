import type { Database } from '../engine/database.ts';
import { DosqlError } from '../errors/index.ts';
import { FULL, type Grant, LIMITS, type Limits } from './grant.ts';
import { answerCursor } from './hrana/cursor.ts';
import { answerPipeline } from './hrana/pipeline.ts';
import { Streams } from './hrana/stream.ts';
import { migrateDatabase } from './migrate.ts';
import { streamRows } from './ndjson.ts';
import { answer } from './query.ts';
import { failure, readJson, wireError } from './respond.ts';
import { normalise, Session } from './session.ts';
import { Sockets } from './socket.ts';
import type { Tail } from './tail-socket.ts';
import { type TokenAuth, type Verify, verifier } from './token.ts';
import type { TransferContext } from './transfer/context.ts';
import { exportDatabase, importDatabase } from './transfer/index.ts';

/** A database, or how to get it; of a request, or of the request that opened a WebSocket. */
export type DatabaseSource =
  | Database
  | Promise<Database>
  | ((request: Request) => Database | Promise<Database>);

/** Who may do what: tokens, a function of your own (`null` is 401), or nobody is asked. */
export type Auth = 'none' | TokenAuth | ((request: Request) => Grant | null | Promise<Grant | null>);

export interface HandlerOptions {
  /** Without it no handler is made. */
  auth: Auth;
  /** The object's `this.ctx`: for WebSockets, and so that table rebuilds hold back every other request. */
  ctx?: DurableObjectState;
  /** Nobody writes, whatever his token says. */
  readOnly?: boolean;
  limits?: Partial<Limits>;
  /** Origins of web pages that may call (`'*'`: any); default none but its own. */
  cors?: { readonly origins: '*' | readonly string[] };
  /** The only statements that may run; compared without comments, white space and letter case. */
  allow?: readonly string[];
  /** What paths start with, `'/databases/a'`; default: whatever stands before the last part that is a route. */
  prefix?: string;
  /** `import * as tail from '@dotdo/dosql/cdc'`: lets WebSockets subscribe to the change log. */
  tail?: Tail;
}

/** SQL over HTTP and WebSocket. Give its WebSocket methods what the object's methods of these names are given. */
export interface Handler {
  /** Never rejects: every failure is a response with `{ code, message }`. */
  fetch(request: Request): Promise<Response>;
  webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void>;
  webSocketClose(socket: WebSocket): Promise<void>;
  webSocketError(socket: WebSocket): Promise<void>;
}

const ROUTE = /(?:^|\/)(query|ws|export|import|migrate|v[23](?:\/(?:pipeline|cursor))?)\/?$/;
const METHODS: Readonly<Record<string, readonly string[]>> = {
  ws: ['GET'],
  export: ['GET'],
  import: ['GET', 'POST', 'DELETE'],
  migrate: ['GET', 'POST'],
  v2: ['GET'],
  v3: ['GET'],
};

/** Routes about the whole database. */
const WHOLE: Readonly<
  Record<
    string,
    (
      request: Request,
      context: TransferContext & { limits: Limits; check(script: string): void },
    ) => Promise<Response>
  >
> = { export: exportDatabase, import: importDatabase, migrate: migrateDatabase };

/**
 * Mounts a database on HTTP: `POST /query`, `GET /ws`, Hrana (`/v2`, `/v3`), `/export`, `/import` and
 * `/migrate`, behind any prefix.
 * @throws AUTH_REQUIRED without `auth`, INVALID_ARGUMENT
 */
export function createHandler(source: DatabaseSource, options: HandlerOptions): Handler {
  const { auth, cors, prefix = '', readOnly, allow, ctx } = options ?? {};
  if (!auth)
    throw new DosqlError(
      'AUTH_REQUIRED',
      "createHandler needs auth: { secret }, { publicKey }, { jwks }, a function, or 'none' for local development.",
    );
  if (auth === 'none')
    console.warn("dosql: this server has auth: 'none'; whoever reaches it may do anything.");
  const verify = typeof auth === 'object' ? verifier(auth) : undefined;
  const limits: Limits = { ...LIMITS, ...options.limits };
  const allowed = allow && new Set(allow.map(normalise));
  const streams = new Streams();
  const open = async (request: Request) => (typeof source === 'function' ? source(request) : source);
  const narrowed = (grant: Grant): Grant => (readOnly ? { ...grant, write: false } : grant);
  const session = (db: Database, grant: Grant) => new Session(db, grant, limits, allowed);
  const sockets = new Sockets({ open, session, ctx, tail: options.tail, limits });

  const route = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const found = pathname.startsWith(prefix) ? ROUTE.exec(pathname.slice(prefix.length)) : null;
    const path = prefix && found?.index ? undefined : found?.[1];
    if (!path) throw new DosqlError('NOT_FOUND', 'There is no such route.');
    const methods = METHODS[path] ?? ['POST'];
    if (!methods.includes(request.method))
      return Response.json(
        wireError(new DosqlError('NOT_FOUND', `This route takes ${methods.join(' and ')}.`)),
        { status: 405, headers: { allow: methods.join(', ') } },
      );
    // Which protocols there are is asked without a token.
    if (/^v[23]$/.test(path)) return new Response(null);
    // A page could send what it may not read the answer of.
    if (!trusted(request, cors)) throw new DosqlError('NOT_AUTHORIZED', 'Pages of this origin may not ask.');
    const { db, grant } = await authorize(auth, verify, open, request);
    const own = session(db, narrowed(grant));
    if (path === 'ws') return sockets.accept(request, own);
    const whole = WHOLE[path];
    if (whole) {
      if (allowed)
        throw new DosqlError('NOT_AUTHORIZED', 'Only single statements are allowed on this server.');
      const check = (script: string) => own.checkScript(script);
      return whole(request, { db, grant: own.grant, limits, ctx, check, signal: request.signal });
    }
    const body = (await readJson(request, limits.body)) as Record<string, unknown>;
    if (path === 'query')
      return request.headers.get('accept')?.includes('application/x-ndjson')
        ? streamRows(own, body)
        : Response.json(await answer(own, body));
    const hrana = { session: own, streams, ctx };
    return path.endsWith('cursor')
      ? answerCursor(hrana, body)
      : Response.json(await answerPipeline(hrana, body));
  };

  return {
    async fetch(request) {
      if (cors && request.method === 'OPTIONS')
        return withCors(new Response(null, { status: 204 }), request, cors);
      const response = await route(request).catch(failure);
      return cors ? withCors(response, request, cors) : response;
    },
    webSocketMessage: (socket, message) => sockets.message(socket, message),
    webSocketClose: async (socket) => sockets.closed(socket),
    webSocketError: async (socket) => sockets.forget(socket),
  };
}

/** Every bad token gets the same answer. @throws UNAUTHENTICATED */
async function authorize(
  auth: Auth,
  verify: Verify | undefined,
  open: (request: Request) => Promise<Database>,
  request: Request,
): Promise<{ db: Database; grant: Grant }> {
  if (auth === 'none') return { db: await open(request), grant: FULL };
  if (typeof auth === 'function') {
    const grant = await auth(request);
    if (!grant || (grant.expires ?? Number.POSITIVE_INFINITY) <= Date.now()) throw unauthenticated();
    return { db: await open(request), grant };
  }
  const claims = await verify!(bearer(request)).catch(() => {
    throw unauthenticated();
  });
  const db = await open(request);
  if (!claims.audience.includes(db.name)) throw unauthenticated();
  return { db, grant: claims.grant };
}

function unauthenticated(): DosqlError {
  return new DosqlError('UNAUTHENTICATED', 'A valid token for this database is needed.');
}

/** The token; a web page can only give one to a WebSocket as a protocol, `bearer.<token>`. */
function bearer({ headers }: Request): string {
  const given = /^Bearer\s+(\S+)$/i.exec(headers.get('authorization') ?? '');
  return (
    (given ?? /(?:^|[,\s])bearer\.([^\s,]+)/.exec(headers.get('sec-websocket-protocol') ?? ''))?.[1] ?? ''
  );
}

/** No origin at all is no web page. */
function trusted(request: Request, cors: HandlerOptions['cors']): boolean {
  const origin = request.headers.get('origin');
  return origin === null || origin === new URL(request.url).origin || allows(cors, origin);
}

function allows(cors: HandlerOptions['cors'], origin: string): boolean {
  return cors?.origins === '*' || (cors?.origins.includes(origin) ?? false);
}

function withCors(response: Response, request: Request, cors: NonNullable<HandlerOptions['cors']>): Response {
  const origin = request.headers.get('origin');
  if (origin === null || response.webSocket || !allows(cors, origin)) return response;
  const headers = new Headers(response.headers);
  headers.set('access-control-allow-origin', cors.origins === '*' ? '*' : origin);
  headers.append('vary', 'Origin');
  headers.set('access-control-allow-methods', 'GET, POST, DELETE, OPTIONS');
  headers.set('access-control-allow-headers', 'authorization, content-type, accept');
  headers.set('access-control-max-age', '86400');
  return new Response(response.body, { status: response.status, headers });
}
