import { DosqlError } from '../errors/index.ts';
import { assertArgument } from '../wal/argument.ts';
import type { CdcEvent } from './event.ts';

/** What a socket's attachment holds under `dosqlTail`: all that a tail needs to go on behind a hibernation. */
export interface TailState {
  epoch: string;
  /** Everything up to this LSN was sent, or filtered out. */
  sent: number;
  /** Ends of the batches that were sent but not acknowledged. */
  open: number[];
  /** Told to resync; waits for a new subscription. */
  stale?: true;
  /** It has a `where`, which is not kept here. */
  filtered?: true;
  tables?: readonly string[];
  ops?: readonly CdcEvent['op'][];
  window: number;
  limit: number;
  maxLag: number;
}

const KEY = 'dosqlTail';

export function loadTail(socket: WebSocket): TailState | undefined {
  assertArgument(
    typeof socket?.deserializeAttachment === 'function',
    'A tail needs a WebSocket of the server.',
  );
  const attachment = socket.deserializeAttachment() as { [KEY]?: TailState } | null;
  return attachment && typeof attachment === 'object' ? attachment[KEY] : undefined;
}

/** Keeps what else is in the attachment, when it is an object. @throws LIMIT_EXCEEDED */
export function saveTail(socket: WebSocket, state: TailState): void {
  const other: unknown = socket.deserializeAttachment();
  try {
    socket.serializeAttachment({ ...(other && typeof other === 'object' ? other : {}), [KEY]: state });
  } catch (cause) {
    throw new DosqlError(
      'LIMIT_EXCEEDED',
      "The tail's position and tables do not fit into the socket's attachment. Name fewer tables, or keep less in it.",
      { cause },
    );
  }
}

/** `epoch.lsn`, as events carry it. Undefined for anything else. */
export function position(text: unknown): { epoch: string; lsn: number } | undefined {
  const [, epoch, lsn] = /^(\w+)\.(\d{1,15})$/.exec(String(text)) ?? [];
  return epoch === undefined ? undefined : { epoch, lsn: Number(lsn) };
}
