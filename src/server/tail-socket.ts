import { attached, keepSubscription, live } from './attachment.ts';

/** The functions of `@dotdo/dosql/cdc` that sockets use; features do not import each other, so they are handed in. */
export interface Tail {
  // biome-ignore format: one line each
  liveTail(db: never, socket: WebSocket, options: { since?: string | null; tables?: readonly string[]; ops?: readonly ('insert' | 'update' | 'delete')[] }): Promise<void>;
  resumeTails(db: never, sockets: readonly WebSocket[]): Promise<void>;
  tailMessage(db: never, socket: WebSocket, message: string): Promise<boolean>;
}

/**
 * One of several tails on a socket, as a socket of its own: it keeps its state in a part of the attachment, and says with
 * each message whose it is.
 */
export class TailSocket {
  constructor(
    private readonly socket: WebSocket,
    private readonly id: string,
  ) {}

  /** Closed as soon as the subscription or the token has ended. */
  get readyState(): number {
    return live(this.socket)?.subscriptions[this.id] ? 1 : 3;
  }

  send(message: string): void {
    this.socket.send(`{"id":${JSON.stringify(this.id)},${message.slice(1)}`);
  }

  close(_code: number, code: string): void {
    keepSubscription(this.socket, this.id, undefined);
    this.send(JSON.stringify({ error: { code, message: 'The tail failed; subscribe again.' } }));
  }

  serializeAttachment(tail: unknown): void {
    // What goes on although the subscription has ended is not kept.
    if (attached(this.socket)?.subscriptions[this.id]) keepSubscription(this.socket, this.id, { tail });
  }

  deserializeAttachment(): unknown {
    return attached(this.socket)?.subscriptions[this.id]?.tail ?? null;
  }
}
