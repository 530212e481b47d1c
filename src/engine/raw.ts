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
  // The callback may have rolled back without an error.
  storage.transaction = (work) => own.transaction(work).finally(undone);
  return own;
}
