import { DurableObject } from 'cloudflare:workers';

export interface Env {
  OBJECTS: DurableObjectNamespace<TestObject>;
  OLD_OBJECTS: DurableObjectNamespace<KvObject>;
}

/** An empty object: tests work inside it with `runInDurableObject`. */
export class TestObject extends DurableObject<Env> {
  /** Counts constructions in one instance's life, so that a test can see an eviction. */
  readonly born = crypto.randomUUID();

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    socket.send(`echo ${message}`);
  }
}

/** Declared with `new_classes`: its storage has no SQL. */
export class KvObject extends DurableObject<Env> {}

export default {
  fetch(): Response {
    return new Response('dosql test worker');
  },
} satisfies ExportedHandler<Env>;
