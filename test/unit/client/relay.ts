import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and cuts connections when it is told to. */
export class Relay {
  readonly #pairs = new Set<Socket>();
  readonly #server = createServer((client) => {
    const server = connect(Number(new URL(this.target).port), '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#pairs.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.on('close', () => {
        this.#pairs.delete(one);
        other.destroy();
      });
    }
  });

  private constructor(private readonly target: string) {}

  static async to(target: string): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#pairs.size;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection, as a network does. */
  cut(): void {
    for (const socket of this.#pairs) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
