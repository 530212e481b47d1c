import type { Engine } from './engine.ts';

export type Transactions = Pick<DurableObjectStorage, 'transaction' | 'transactionSync'>;

/**
 * Makes the listeners of an engine hear of it when a transaction that the caller made with `storage` itself undoes what ran
 * through the engine. Gives the methods without that, for the engine's own transactions.
 */
export function watchStorage(engine: Engine, storage: DurableObjectStorage): Transactions {
  const own: Transactions = {
    transaction: storage.transaction.bind(storage),
    transactionSync: storage.transactionSync.bind(storage),
  };
  const undone = () => engine.undone(engine.depth === 0);
  storage.transactionSync = (work) => {
    try {
      return own.transactionSync(work);
    } catch (error) {
      undone();
      throw error;
    }
  };
  storage.transaction = (work) => {
    // What it writes may not be told, nor read by who would tell it, before it is there to stay.
    engine.holders++;
    return own.transaction(work).finally(() => {
      // The callback may have rolled back without an error.
      undone();
      engine.holders--;
      engine.committed();
    });
  };
  return own;
}
