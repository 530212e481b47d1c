import type { Engine } from './engine.ts';

/** The transactions of a storage as the platform has them. */
export type Transactions = Pick<DurableObjectStorage, 'transaction' | 'transactionSync'>;

/**
 * Makes the listeners of an engine hear of it when a transaction that the caller made with `storage` itself undoes what ran
 * through the engine. Gives the methods without that, for the engine's own transactions.
 */
export function watchStorage(engine: Engine, storage: DurableObjectStorage): Transactions {
  const { transaction, transactionSync } = storage;
  const native: Transactions = {
    transaction: (work) => transaction.call(storage, work as never) as never,
    transactionSync: (work) => transactionSync.call(storage, work as never) as never,
  };
  const done = () => engine.writes + engine.schemas;
  const undone = (before: number) => {
    if (done() > before) engine.undone(engine.depth === 0);
  };
  storage.transactionSync = (work) => {
    const before = done();
    try {
      return native.transactionSync(work);
    } catch (error) {
      undone(before);
      throw error;
    }
  };
  storage.transaction = (work) => {
    const before = done();
    // What it writes may not be told, nor read by who would tell it, before it is there to stay.
    engine.holders++;
    return native.transaction(work).finally(() => {
      // The callback may have rolled back without an error.
      undone(before);
      engine.holders--;
      engine.committed();
    });
  };
  return native;
}
