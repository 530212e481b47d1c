import type { ChangeEvent } from '../wal/event.ts';

/** A change, a message, or a row of the snapshot that comes before the changes. */
export type CdcEvent = Omit<ChangeEvent, 'op'> & { op: ChangeEvent['op'] | 'snapshot' };

/** What a drained batch is besides the list of its events. */
export interface BatchInfo {
  /** Life of the log that the positions are of. */
  readonly epoch: string;
  /** The batch stands for the log range (`from`, `to`]; both are the snapshot's LSN while it lasts. */
  readonly from: number;
  readonly to: number;
  /** Number of the part of the snapshot, from 1. */
  readonly part?: number;
  /** How many events there were before the filters. */
  readonly seen: number;
  /** Nothing is behind it now. */
  readonly done: boolean;
  /** It ends inside a transaction, which is larger than the limits. */
  readonly partial: boolean;
  /** Moves the consumer behind this batch: one billed row. */
  ack(): Promise<void>;
  /** For JSON.stringify: events as {@link plainEvent} makes them. */
  toJSON(): unknown[];
}

/** A list of events that also knows its range of the log. */
export type Batch = readonly CdcEvent[] & BatchInfo;
