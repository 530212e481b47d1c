import { DosqlError } from '../errors/index.ts';
import { assertArgument } from '../wal/argument.ts';
import type { CdcEvent } from './event.ts';

/** In a snapshot: rows that were sent, id of the table that is next, key of its last row. */
export type Cursor = readonly [rows: number, table: number, after?: readonly unknown[]];

/** A point in the log, or in a snapshot of it. */
export interface Position {
  epoch: string;
  lsn: number;
  rows?: Cursor | undefined;
}

/** What a socket's attachment holds under `dosqlTail`: all that a tail needs to go on behind a hibernation. */
export interface TailState {
  epoch: string;
  /** Everything up to this LSN was sent, or filtered out. */
  sent: number;
  /** Where the snapshot that comes first stands; all of it is of `sent`. */
  rows?: Cursor | undefined;
  /** {@link markOf} the messages that were sent but not acknowledged. */
  open: number[];
  /** A subscription without a position begins with a snapshot. */
  snapshot?: true;
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

/** `epoch.lsn`, in a snapshot with its cursor behind it. Undefined for anything else. */
export function position(text: unknown): Position | undefined {
  const [, epoch, lsn, cursor] = /^(\w+)\.(\d{1,15})(?:\.(\[.*\]))?$/s.exec(String(text)) ?? [];
  if (epoch === undefined) return undefined;
  try {
    const rows: unknown = cursor && JSON.parse(cursor);
    if (Array.isArray(rows)) {
      const [count, table, after] = rows as unknown[];
      if (![count, table].every(Number.isSafeInteger) || !(after === undefined || Array.isArray(after)))
        return undefined;
    }
    return { epoch, lsn: Number(lsn), rows: rows as Cursor | undefined };
  } catch {
    return undefined;
  }
}

/** The text of a position. */
export function positionText({ epoch, lsn, rows }: Position): string {
  return `${epoch}.${lsn}${rows ? `.${JSON.stringify(rows)}` : ''}`;
}

/** A number that grows from message to message: the rows of a snapshot come before all entries. */
export function markOf({ lsn, rows }: Position): number {
  return rows ? rows[0] - 1e15 : lsn;
}
