import { DosqlError } from '../errors/index.ts';

/** Unpacks while it is read, so that what it unpacks to can be counted. */
export function gunzip(name: string, stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const unpacked = stream.pipeThrough(
    new DecompressionStream('gzip') as unknown as ReadableWritablePair<Uint8Array, Uint8Array>,
  );
  const reader = unpacked.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (cause) {
        controller.error(new DosqlError('CORRUPT_FILE', `${name} cannot be unpacked as gzip.`, { cause }));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
