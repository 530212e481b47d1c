import { assertArgument } from '../wal/argument.ts';
import type { Delivery, Sink } from './sink.ts';

/**
 * Calls another object or Worker: `rpcSink((delivery) => env.WAREHOUSE.getByName('main').receive(delivery))`. At least
 * once; `delivery.id` is the idempotency key. Look the object up inside: a reference stays broken when the object was
 * reset. Values arrive as they are, bigint and Uint8Array too.
 */
export function rpcSink(
  send: (delivery: Delivery) => Promise<unknown>,
  options: Partial<Pick<Sink, 'name' | 'limit' | 'maxBytes'>> = {},
): Sink {
  assertArgument(typeof send === 'function', 'rpcSink needs a function of a delivery.');
  return {
    name: 'rpc',
    ...options,
    deliver: async (delivery) => void (await send({ ...delivery, events: [...delivery.events] })),
  };
}
