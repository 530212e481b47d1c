import { AsyncLocalStorage } from 'node:async_hooks';
import type { QueryEvent } from '@dotdo/dosql';

export type Statement = Pick<QueryEvent, 'sql' | 'ms' | 'rowsRead' | 'rowsWritten'>;

const requests = new AsyncLocalStorage<Statement[]>();

/** Given to `DB` as `onQuery`: files each statement under the request that ran it. */
export function record({ sql, ms, rowsRead, rowsWritten }: QueryEvent): void {
  requests.getStore()?.push({ sql, ms, rowsRead, rowsWritten });
}

/** Runs `work` and says which statements it ran, also while other requests use the same database. */
export async function traced<T>(work: () => Promise<T>): Promise<{ result: T; statements: Statement[] }> {
  const statements: Statement[] = [];
  return { result: await requests.run(statements, work), statements };
}
