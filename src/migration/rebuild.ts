import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { DosqlError } from '../errors/index.ts';

/** Runs `work` while no other call is running, and with `ctx` no other event of the object is. */
export async function alone<T>(
  { lock }: Engine,
  ctx: DurableObjectState | undefined,
  work: () => T | Promise<T>,
): Promise<T> {
  const guarded = async (): Promise<{ done: T } | { error: unknown }> => {
    try {
      return { done: await work() };
    } catch (error) {
      // workerd: an error thrown inside blockConcurrencyWhile resets the object.
      return { error };
    }
  };
  const result = await lock.exclusive(() => (ctx ? ctx.blockConcurrencyWhile(guarded) : guarded()));
  if ('error' in result) throw result.error;
  return result.done;
}

/**
 * Runs `work` with foreign keys off, so that dropping a table deletes nobody's rows, and turns them on again.
 * An eviction in between turns them on, too: the setting lives in memory.
 */
export async function withoutForeignKeys<T>(
  engine: Engine,
  ctx: DurableObjectState | undefined,
  work: () => T,
): Promise<T> {
  try {
    await setForeignKeys(engine, 0);
    return work();
  } finally {
    await setForeignKeys(engine, 1).catch((error) => {
      // Without enforcement nobody may go on; a new instance has it.
      ctx?.abort(String(error));
      throw error;
    });
  }
}

async function setForeignKeys({ sql, storage }: Engine, on: 0 | 1): Promise<void> {
  for (let attempt = 0; attempt < 9; attempt++) {
    // SQLite ignores the pragma while a transaction is open, also the one that workerd opens at the first write of a turn.
    await storage.sync();
    sql.exec(`PRAGMA foreign_keys=${on}`);
    if (drain(sql.exec('PRAGMA foreign_keys'))[0]?.[0] === on) return;
  }
  throw new DosqlError(
    'MIGRATION_FAILED',
    `SQLite did not turn foreign keys ${on ? 'on' : 'off'}: a transaction is open. Pass ctx to DB(), and await other writes first.`,
  );
}
