import type { TransactionScope } from './transaction.ts';

interface Storage {
  run<T>(store: TransactionScope, work: () => T): T;
  getStore(): TransactionScope | undefined;
}

/**
 * Tells which transaction the running code belongs to, where the Worker has AsyncLocalStorage (compatibility date
 * 2026-08-04, or the flag nodejs_als or nodejs_compat). A static import would keep other Workers from starting, and
 * the variable specifier keeps bundlers from warning about it.
 */
let storage: Storage | undefined;
let loading: Promise<void> | undefined;
let loaded = false;

/** Resolves when it is known whether AsyncLocalStorage exists; undefined when it already is. */
export function loadContext(): Promise<void> | undefined {
  if (loaded) return undefined;
  loading ??= (async () => {
    try {
      const specifier = 'node:async_hooks';
      const { AsyncLocalStorage } = (await import(/* @vite-ignore */ specifier)) as {
        AsyncLocalStorage: new () => Storage;
      };
      storage = new AsyncLocalStorage();
    } catch {
      // No such module: the deadline of the transaction is then the only guard against waiting for oneself.
    }
    loaded = true;
  })();
  return loading;
}

/** The innermost transaction whose callback is running here, where that can be known. */
export function currentScope(): TransactionScope | undefined {
  return storage?.getStore();
}

/** Runs `work` as part of a transaction. */
export function runInScope<T>(scope: TransactionScope, work: () => T): T {
  return storage ? storage.run(scope, work) : work();
}
