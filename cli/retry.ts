import { setTimeout as wait } from 'node:timers/promises';
import { isDosqlError } from '../src/errors/index.ts';

const DELAYS_MS = [200, 1000, 3000];
const PASSING = /^(CONNECTION_FAILED|DATABASE_BUSY|INTERNAL_ERROR|TRANSACTION_CONFLICT)$/;

/** Repeats what may be repeated while the reason to fail may pass. */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (const delay of DELAYS_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isDosqlError(error) || !PASSING.test(error.code)) throw error;
      await wait(delay);
    }
  }
  return work();
}
