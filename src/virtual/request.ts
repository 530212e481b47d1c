import { DosqlError, isDosqlError } from '../errors/index.ts';

/**
 * Runs `work` for at most `ms`. The signal reaches what listens to it; what does not is left behind.
 * @throws SOURCE_FAILED for a timeout, and for whatever the network throws
 */
export async function timed<T>(
  name: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new DosqlError('SOURCE_FAILED', `${name} took longer than ${ms} ms (timeoutMs).`);
      reject(error);
      controller.abort(error);
    }, ms);
  });
  const running = work(controller.signal);
  running.catch(() => {});
  try {
    return await Promise.race([running, late]);
  } catch (cause) {
    if (isDosqlError(cause)) throw cause;
    throw new DosqlError('SOURCE_FAILED', `${name} could not be read: the connection failed.`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** Counts bytes against a limit that several bodies share. */
export interface Budget {
  readonly limit: number;
  used: number;
}

/** @throws LIMIT_EXCEEDED as soon as the budget is used up; the stream is cancelled then */
export async function readAll(
  name: string,
  stream: ReadableStream<Uint8Array>,
  budget: Budget,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const abort = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener('abort', abort);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw signal.reason;
      if (done) break;
      chunks.push(value);
      size += value.length;
      budget.used += value.length;
      if (budget.used > budget.limit) throw tooLarge(name, budget);
    }
  } catch (error) {
    abort();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

export function tooLarge(name: string, { limit }: Budget): DosqlError {
  return new DosqlError('LIMIT_EXCEEDED', `${name} is larger than ${limit} bytes (maxBytes).`, {
    limit: { name: 'maxBytes', value: limit },
  });
}
