import { DosqlError } from '../../errors/index.ts';
import type { Grant } from '../grant.ts';
import type { Stmt } from './proto.ts';

/** A statement of an open transaction, and the fingerprint of what the client was told. */
export interface Entry {
  readonly stmt: Stmt;
  readonly sql: string;
  readonly print: number;
}

/** What a client's connection is here: nothing but memory, since no transaction can stay open between two requests. */
export class Stream {
  /** Statements of the open transaction, from its BEGIN on. */
  log: Entry[] = [];
  /** Its transaction could not be repeated: only ROLLBACK gets out of it. */
  failed: DosqlError | undefined;
  readonly stored = new Map<number, string>();
  used = 0;

  constructor(readonly owner: string) {}

  /** True when the next request of the client needs what is in here. */
  get keeps(): boolean {
    return this.log.length > 0 || this.failed !== undefined || this.stored.size > 0;
  }
}

const IDLE_MS = 10_000;
/** A client that never closes its streams must not fill the memory. */
const MOST = 1_000;
/** A stream that keeps nothing is any stream. */
const BLANK = 'new';

/** The streams of one handler, by their batons. */
export class Streams {
  readonly #open = new Map<string, Stream>();

  /** How many are kept. */
  get size(): number {
    return this.#open.size;
  }

  /** The stream of a baton, which is good once. @throws STREAM_EXPIRED */
  take(baton: unknown, grant: Grant): Stream {
    this.#expire();
    const { expires: _, ...rights } = grant;
    const owner = JSON.stringify(rights);
    if (baton === undefined || baton === null || baton === BLANK) return new Stream(owner);
    const stream = this.#open.get(String(baton));
    if (stream?.owner !== owner)
      throw new DosqlError(
        'STREAM_EXPIRED',
        'The stream was idle for 10 s, or the object was restarted; its transaction was rolled back. Begin again.',
      );
    this.#open.delete(String(baton));
    return stream;
  }

  /** Keeps a stream and gives its next baton. */
  keep(stream: Stream): string {
    if (!stream.keeps) return BLANK;
    const baton = [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('');
    stream.used = Date.now();
    this.#open.set(baton, stream);
    return baton;
  }

  /** Maps keep the order of insertion, and that is the order of age. */
  #expire(): void {
    const now = Date.now();
    for (const [baton, { used }] of this.#open) {
      if (now - used <= IDLE_MS && this.#open.size < MOST) return;
      this.#open.delete(baton);
    }
  }
}
