import { DosqlError, type DosqlErrorCode, isDosqlError } from '../errors/index.ts';
import { within } from './budget.ts';

const STATUS: Partial<Record<DosqlErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  NOT_AUTHORIZED: 403,
  READ_ONLY: 403,
  NOT_FOUND: 404,
  UNIQUE_VIOLATION: 409,
  NOT_NULL_VIOLATION: 409,
  CHECK_VIOLATION: 409,
  FOREIGN_KEY_VIOLATION: 409,
  CONSTRAINT_VIOLATION: 409,
  TRANSACTION_CONFLICT: 409,
  STREAM_EXPIRED: 410,
  LIMIT_EXCEEDED: 413,
  INTERNAL_ERROR: 500,
  DATABASE_BUSY: 503,
  DATABASE_FULL: 507,
};

/** workerd: a WebSocket message has at most 1 MiB. */
export const MESSAGE_BYTES = 1_048_576;

export function tooLarge(): DosqlError {
  return new DosqlError('LIMIT_EXCEEDED', 'The result does not fit into a message: use POST /query.');
}

/** An error as it goes over the wire. */
export interface WireError {
  code: DosqlErrorCode;
  message: string;
  table?: string;
  columns?: readonly string[];
  constraint?: string;
  limit?: { name: string; value: number; actual?: number };
  migration?: string;
}

/** What a client may know of an error: never its statement's text, values or cause. */
export function wireError(error: unknown): WireError {
  if (!isDosqlError(error)) return { code: 'INTERNAL_ERROR', message: 'The server failed.' };
  const { code, message, table, columns, constraint, limit, migration } = error;
  return {
    code,
    message,
    ...(table !== undefined && { table }),
    ...(columns && { columns }),
    ...(constraint !== undefined && { constraint }),
    ...(limit && { limit }),
    ...(migration !== undefined && { migration }),
  };
}

export function failure(error: unknown): Response {
  const body = wireError(error);
  const status = STATUS[body.code] ?? 400;
  return Response.json(body, {
    status,
    ...(status === 401 && { headers: { 'www-authenticate': 'Bearer' } }),
  });
}

/** The body as JSON, read no further than the limit. @throws LIMIT_EXCEEDED, INVALID_ARGUMENT */
export async function readJson(request: Request, limit: number): Promise<unknown> {
  const check = (bytes: number) => within('bytes of body', limit, bytes, 'Send several requests.');
  check(Number(request.headers.get('content-length')));
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  const decode = (chunk?: Uint8Array) => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw new DosqlError('INVALID_ARGUMENT', 'The body is not UTF-8.');
    }
  };
  let bytes = 0;
  let text = '';
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    check(bytes);
    text += decode(chunk);
  }
  return parseJson(text + decode());
}

/** @throws INVALID_ARGUMENT unless it is an object */
export function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value) return value as Record<string, unknown>;
  } catch {
    // Its message would quote the text.
  }
  throw new DosqlError('INVALID_ARGUMENT', 'The body is not a JSON object.');
}
