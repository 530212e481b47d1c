import { DosqlError } from '../errors/index.ts';
import { currentScope } from './als.ts';
import type { Engine } from './engine.ts';
import type { Lock } from './lock.ts';

/**
 * Who may use the connection when. The root scope stands in front of the whole storage, a transaction scope in front of
 * its own transaction. `blocked` is one property read on the plain path.
 */
export interface Scope {
  readonly engine: Engine;
  readonly lock: Lock;
  /** True when a call must wait for its turn. */
  readonly blocked: boolean;
  /** @throws when the handle is no longer usable */
  check(): void;
}

/** The scope of calls outside any transaction. */
export class RootScope implements Scope {
  readonly lock: Lock;

  constructor(readonly engine: Engine) {
    this.lock = engine.lock;
  }

  get blocked(): boolean {
    return this.lock.busy;
  }

  check(): void {}
}

/** Runs `work` now, or when the scope's turn comes. @throws USE_TRANSACTION_HANDLE when it would wait for itself */
export function enter<T>(scope: Scope, work: () => T): Promise<T> {
  scope.check();
  if (scope.blocked) refuseInside(scope);
  return scope.lock.shared(() => {
    scope.check();
    return work();
  });
}

/** For synchronous calls, which cannot wait. @throws DATABASE_BUSY, USE_TRANSACTION_HANDLE */
export function enterSync(scope: Scope): void {
  scope.check();
  if (!scope.blocked) return;
  refuseInside(scope);
  throw new DosqlError(
    'DATABASE_BUSY',
    'An asynchronous transaction or a migration is running: use the asynchronous API, or await migrate() in ctx.blockConcurrencyWhile.',
  );
}

/** A call on `scope` from inside a transaction that `scope` waits for can never have its turn. */
export function refuseInside(scope: Scope): void {
  let inside = currentScope();
  // Handles on one storage have scopes of their own, but one lock.
  while (inside && inside.lock !== scope.lock) {
    if (!inside.closed && inside.parent?.lock === scope.lock) {
      throw new DosqlError(
        'USE_TRANSACTION_HANDLE',
        'Inside a transaction use its own handle (tx), not the one it was opened from.',
      );
    }
    inside = inside.parent as typeof inside | undefined;
  }
}
