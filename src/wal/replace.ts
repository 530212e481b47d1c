import { DosqlError, isDosqlError } from '../errors/index.ts';

/** Runs a statement with recursive triggers: permanently on, a trigger that updates its own table would never end. */
export function withRecursiveTriggers<T>(sql: SqlStorage, run: () => T): T {
  sql.exec('PRAGMA recursive_triggers=1');
  try {
    return run();
  } catch (error) {
    if (isDosqlError(error, 'LIMIT_EXCEEDED') && error.limit?.name === 'trigger depth') {
      throw new DosqlError(
        'LIMIT_EXCEEDED',
        'REPLACE on a tracked table, also in a trigger, runs with recursive triggers, and a trigger changes its own table. Use INSERT … ON CONFLICT DO UPDATE.',
        { statement: error.statement, limit: error.limit, cause: error },
      );
    }
    throw error;
  } finally {
    sql.exec('PRAGMA recursive_triggers=0');
  }
}
