import { DosqlError } from '../../errors/index.ts';
import type { Grant } from '../grant.ts';
import type { Stmt } from './proto.ts';

/** A statement of an open transaction, and the fingerprint of what the client was told. */
export interface Entry {
  readonly stmt: Stmt;
  readonly sql: string;
  readonly print: number;
  /** The same without the last rowid, where that may be of somebody's insert before. */
  readonly unsure: number | undefined;
}

/** What a client's connection is here: nothing but memory, since no transaction can stay open between two requests. */
export class Stream {
  /** Statements of the open transaction, from its BEGIN on. */
  log: Entry[] = [];
  /** Its transaction could not be repeated: only ROLLBACK gets out of it. */
  failed: DosqlError | undefined;
  readonly stored = new Map<number, string>();
  used = 0;
  bytes = 0;

  constructor(readonly owner: string) {}

  /** True when the next request of the client needs what is in here. */
  get keeps(): boolean {
    return this.log.length > 0 || this.failed !== undefined || this.stored.size > 0;
  }
}

const IDLE_MS = 10_000;
/** Clients that never close their streams must not fill the memory, which is 128 MB. */
const MOST = 1_000;
const MOST_BYTES = 16_777_216;
/** A stream that keeps nothing is any stream. */
const BLANK = 'new';

/** The streams of one handler, by their batons. */
export class Streams {
  readonly #open = new Map<string, Stream>();
  #bytes = 0;

  /** The stream of a baton, which is good once. @throws STREAM_EXPIRED */
  take(baton: unknown, grant: Grant): Stream {
    this.#expire();
    const { expires: _, ...rights } = grant;
    const owner = JSON.stringify(rights);
    if (baton === undefined || baton === null || baton === BLANK) return new Stream(owner);
    const stream = this.#open.get(baton as string);
    if (stream?.owner !== owner)
      throw new DosqlError(
        'STREAM_EXPIRED',
        'The stream was idle for 10 s, or the object was restarted; its transaction was rolled back. Begin again.',
      );
    this.#drop(baton as string, stream);
    return stream;
  }

  /** Keeps a stream and gives its next baton. */
  keep(stream: Stream): string {
    if (!stream.keeps) return BLANK;
    const baton = [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('');
    stream.used = Date.now();
    stream.bytes = JSON.stringify([stream.log, [...stream.stored]]).length;
    this.#bytes += stream.bytes;
    this.#open.set(baton, stream);
    return baton;
  }

  /** Forgets the oldest; maps keep the order of insertion, and that is the order of age. */
  #expire(): void {
    const now = Date.now();
    for (const [baton, stream] of this.#open) {
      if (now - stream.used <= IDLE_MS && this.#open.size < MOST && this.#bytes <= MOST_BYTES) return;
      this.#drop(baton, stream);
    }
  }

  #drop(baton: string, { bytes }: Stream): void {
    this.#bytes -= bytes;
    this.#open.delete(baton);
  }
}
