import { expect } from 'vitest';
import { type CdcEvent, eventFrom, type TailOptions } from '../../../src/cdc/index.ts';
import type { TailObject } from './tail-object.ts';

export interface Message {
  type: 'ready' | 'snapshot' | 'changes' | 'resync' | 'echo';
  at: string;
  from: string;
  to: string;
  reason?: string;
  done?: boolean;
  events: { lsn: number; op: string; table: string; after: Record<string, unknown> }[];
}
export type Stub = DurableObjectStub<TailObject>;

export const lsnOf = (at: string) => Number(at.split('.')[1]);

/** A client that checks what it gets: ranges that follow each other, and no event twice. */
export class Client {
  readonly messages: Message[] = [];
  readonly lsns: number[] = [];
  at = '';
  /** Rows by table and key, of a tail that began with a snapshot. */
  replica = new Map<string, unknown>();
  acking = true;
  #wake: () => void = () => {};

  private constructor(readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => this.#receive(JSON.parse(data as string) as Message));
  }

  static async connect(stub: Stub, options: TailOptions = {}, acking = true): Promise<Client> {
    const url = `http://object/?options=${encodeURIComponent(JSON.stringify(options))}`;
    const { webSocket } = await stub.fetch(url, { headers: { upgrade: 'websocket' } });
    const client = new Client(webSocket!);
    client.acking = acking;
    webSocket!.accept();
    await client.until(() => client.messages.length > 0);
    return client;
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when everything up to this entry has come; `filtered` ones end earlier. */
  upTo(lsn: number): Promise<void> {
    return this.until(() => lsnOf(this.at) >= lsn);
  }

  /** Fails where a row comes twice, or a change does not fit. */
  #keep(events: readonly unknown[]): void {
    for (const { op, table, key, before, after } of events.map((event) => eventFrom(event) as CdcEvent)) {
      if (op === 'schema') continue;
      const name = (row: object) => `${table} ${JSON.stringify(row)}`;
      const old = op === 'update' ? { id: before!['id'] } : key;
      expect(this.replica.get(name(old)), `${op} of ${name(key)}`).toEqual(before ?? undefined);
      this.replica.delete(name(old));
      if (after) this.replica.set(name(key), after);
    }
  }

  #receive(message: Message): void {
    this.messages.push(message);
    if (message.type === 'ready') this.lsns.length = 0;
    if (message.type === 'ready' || message.type === 'resync') this.at = message.at;
    if (message.type === 'snapshot') {
      expect(message.from).toBe(this.at);
      this.at = message.to;
      this.#keep(message.events);
      if (this.acking) this.say({ type: 'ack', at: this.at });
    }
    if (message.type === 'changes') {
      expect(lsnOf(message.from)).toBeGreaterThanOrEqual(lsnOf(this.at));
      this.at = message.to;
      for (const { lsn } of message.events) {
        expect(lsn).toBeGreaterThan(this.lsns.at(-1) ?? 0);
        this.lsns.push(lsn);
      }
      if (this.replica.size > 0) this.#keep(message.events);
      if (this.acking) this.say({ type: 'ack', at: this.at });
    }
    this.#wake();
  }
}
