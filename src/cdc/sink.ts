import { DosqlError } from '../errors/index.ts';
import type { CdcEvent } from './event.ts';

/** What a sink is given. The same `id` stands for the same events, however often it comes. */
export interface Delivery {
  /** Idempotency key: `consumer/epoch.from-to`, for a part of the snapshot `consumer/epoch.lsn-lsn-part`. */
  readonly id: string;
  /** Name given to DB(). */
  readonly database: string;
  /** Random and durable: tells apart objects whose databases have one name. */
  readonly writer: string;
  readonly consumer: string;
  readonly epoch: string;
  /** The delivery stands for the log range (`from`, `to`]. Ranges are contiguous. */
  readonly from: number;
  readonly to: number;
  readonly part?: number;
  readonly events: readonly CdcEvent[];
}

/** Where changes go. Every sink has a durable consumer of its own, so one that fails does not hold up the others. */
export interface Sink {
  /** Part of the consumer's name: keep it, and unique per createCDC. */
  readonly name: string;
  /** Entries per delivery; default 1,000. */
  readonly limit?: number;
  /** About how many bytes of JSON a delivery may have; default 4 MiB. A larger event comes alone. */
  readonly maxBytes?: number;
  /** Wants ranges without gaps, also those that the filters left nothing of. */
  readonly contiguous?: boolean;
  /**
   * Resolves when the target has everything. Called for one delivery after the other, in order; again with the same `id`
   * after a failure or a crash, so it must not matter when the target has (part of) it already.
   * @throws anything: the delivery is repeated by the next flush
   */
  deliver(delivery: Delivery): Promise<void>;
}

/** @throws SINK_FAILED always */
export function sinkFailed(name: string, why: string, cause?: unknown): DosqlError {
  return new DosqlError('SINK_FAILED', `Sink ${name}: ${why} The next flush repeats it.`, { cause });
}
