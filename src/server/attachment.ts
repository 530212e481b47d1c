import { DosqlError } from '../errors/index.ts';
import type { Grant } from './grant.ts';

/** What one subscription needs to go on behind a hibernation. */
export interface Subscription {
  /** A tail of the change log: its own state. */
  tail?: unknown;
  /** A live query: text, parameters as JSON, number and fingerprint of the last result, number of the last acknowledged. */
  live?: { sql: string; params?: unknown; sent: number; acked: number; print: string };
}

/** What a socket's attachment holds under `dosql`: all that is known of it when the object wakes up. */
export interface Attached {
  readonly url: string;
  readonly grant: Grant;
  readonly subscriptions: Readonly<Record<string, Subscription>>;
}

export function attached(socket: WebSocket): Attached | undefined {
  return (socket.deserializeAttachment() as { dosql?: Attached } | null)?.dosql;
}

/** Like {@link attached}, for a socket that may still be sent something; one whose token has expired is closed. */
export function live(socket: WebSocket): Attached | undefined {
  const state = socket.readyState === 1 ? attached(socket) : undefined;
  if (Date.now() < (state?.grant.expires ?? Number.POSITIVE_INFINITY)) return state;
  socket.close(4401, 'token expired');
  return undefined;
}

/** @throws LIMIT_EXCEEDED: the platform keeps 16 KiB */
export function attach(socket: WebSocket, dosql: Attached): void {
  try {
    socket.serializeAttachment({ dosql });
  } catch (cause) {
    throw new DosqlError(
      'LIMIT_EXCEEDED',
      'This socket holds too many subscriptions, or too long ones. Open another.',
      {
        cause,
      },
    );
  }
}

/** Changes one subscription, or ends it. */
export function keepSubscription(
  socket: WebSocket,
  id: string,
  subscription: Subscription | undefined,
): void {
  const { url, grant, subscriptions } = attached(socket)!;
  const { [id]: _, ...others } = subscriptions;
  attach(socket, { url, grant, subscriptions: subscription ? { ...others, [id]: subscription } : others });
}
