import type { Engine } from '../engine/engine.ts';
import { Pump } from '../engine/pump.ts';
import { byteLength } from '../sql/literal.ts';
import { attached, keepSubscription, live as living } from './attachment.ts';
import { paramsFromJson, toJson } from './json.ts';
import { one } from './query.ts';
import { MESSAGE_BYTES, tooLarge, wireError } from './respond.ts';
import type { Session } from './session.ts';

/** Live queries of all sockets: each runs again after a commit, and is sent when its rows are others than before. */
export class LiveQueries {
  readonly #sessions = new Map<WebSocket, Session>();
  readonly #heard = new WeakSet<Engine>();
  readonly #pump = new Pump(async () => {
    for (const [socket, session] of this.#sessions) await this.#serve(socket, session);
  });

  constructor(private readonly send: (socket: WebSocket, message: object) => boolean) {}

  /** Looks after the live queries of a socket from now on. */
  add(socket: WebSocket, session: Session): Promise<void> {
    const { engine } = session;
    if (!this.#heard.has(engine)) {
      this.#heard.add(engine);
      // A failure meets the query itself, which is told.
      const changed = () => void this.pump();
      engine.commitHooks.push(changed);
    }
    this.#sessions.set(socket, session);
    return this.pump();
  }

  forget(socket: WebSocket): void {
    this.#sessions.delete(socket);
  }

  /** Runs what may have changed; commits meanwhile make it look again. */
  pump(): Promise<void> {
    return this.#sessions.size === 0 ? Promise.resolve() : this.#pump.run();
  }

  async #serve(socket: WebSocket, session: Session): Promise<void> {
    const subscriptions = living(socket)?.subscriptions;
    if (!subscriptions) return this.forget(socket);
    for (const [id, { live }] of Object.entries(subscriptions)) {
      // A client that has not had the last result gets no other; what it misses is part of the next.
      if (!live || live.sent > live.acked) continue;
      try {
        const { columns, rows } = await one(session, live.sql, paramsFromJson(live.params));
        const result = { columns, rows: rows.map((row) => row.map(toJson)) };
        const text = JSON.stringify(result);
        // With the rest of the message; ends the subscription.
        if (byteLength(text + JSON.stringify(id)) + 100 > MESSAGE_BYTES) throw tooLarge();
        const print = await digest(text);
        const now = attached(socket)?.subscriptions[id]?.live;
        // Ended or begun anew meanwhile.
        if (print === live.print || JSON.stringify(now) !== JSON.stringify(live)) continue;
        const version = live.sent + 1;
        keepSubscription(socket, id, { live: { ...live, sent: version, print } });
        if (!this.send(socket, { id, type: 'rows', version, ...result })) return this.forget(socket);
      } catch (error) {
        keepSubscription(socket, id, undefined);
        this.send(socket, { id, error: wireError(error) });
      }
    }
  }
}

async function digest(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return String.fromCharCode(...bytes.subarray(0, 16));
}
