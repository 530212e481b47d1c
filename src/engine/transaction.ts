import { DosqlError } from '../errors/index.ts';
import { loadContext, runInScope } from './als.ts';
import type { Engine } from './engine.ts';
import { Lock } from './lock.ts';
import { refuseInside, type Scope } from './scope.ts';

export interface TransactionOptions {
  /** Milliseconds until the transaction fails with TRANSACTION_TIMEOUT and rolls back; default and maximum 25,000. */
  timeoutMs?: number;
}

/** workerd resets an object whose asynchronous transaction takes 30 s; ours must fail before. */
const MAX_TIMEOUT_MS = 25_000;
/** Back-to-back asynchronous transactions let no other request in, so a run of them pauses for a macrotask. */
const RUN_LENGTH = 16;
const RUN_MS = 50;
const GAP_MS = 5;

/** The scope of one asynchronous transaction: usable until its callback settles. */
export class TransactionScope implements Scope {
  readonly engine: Engine;
  readonly lock = new Lock();
  /** Set when the callback has settled: the handle is dead. */
  closed = false;
  /** Why the transaction cannot commit any more. */
  failure: DosqlError | undefined;

  constructor(
    readonly parent: Scope & { readonly parent?: unknown },
    readonly deadline: number,
  ) {
    this.engine = parent.engine;
  }

  get blocked(): boolean {
    return this.lock.busy;
  }

  check(): void {
    if (this.failure) throw this.failure;
    if (this.closed) {
      throw new DosqlError(
        'TRANSACTION_CLOSED',
        'This transaction has ended; its handle cannot be used any more. Await every call inside the callback.',
      );
    }
    if (Date.now() >= this.deadline) throw this.expire();
  }

  /** Marks the transaction as failed for good, also when the callback catches the error. */
  expire(): DosqlError {
    const waiting = this.engine.lock.waiting > 0 && !this.lock.busy;
    this.failure ??= waiting
      ? new DosqlError(
          'TRANSACTION_STALLED',
          'The transaction reached its deadline while other calls waited for it; it was rolled back. Most likely its callback awaits a call on db instead of tx.',
        )
      : new DosqlError(
          'TRANSACTION_TIMEOUT',
          'The transaction reached its deadline and was rolled back. Do slow work (fetch, timers) before or after it.',
        );
    return this.failure;
  }
}

/**
 * Runs `work` in an asynchronous transaction: everything it wrote is gone when it rejects, also after awaits. Other calls
 * on the parent scope wait, first in, first out.
 */
export async function runTransaction<T>(
  parent: Scope,
  work: (scope: TransactionScope) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  parent.check();
  const { timeoutMs = MAX_TIMEOUT_MS } = options;
  if (!(timeoutMs > 0))
    throw new DosqlError('INVALID_ARGUMENT', `timeoutMs must be a positive number, not ${timeoutMs}.`);
  if (parent.blocked) refuseInside(parent);
  // Without an await once it is known, so that calls have their turn in the order in which they are made.
  const loading = loadContext();
  if (loading) await loading;
  return parent.lock.exclusive(() =>
    parent instanceof TransactionScope ? nested(parent, work, timeoutMs) : outermost(parent, work, timeoutMs),
  );
}

async function outermost<T>(
  parent: Scope,
  work: (scope: TransactionScope) => Promise<T>,
  timeoutMs: number,
): Promise<T> {
  const { engine } = parent;
  const { streak } = engine;
  const now = Date.now();
  if (now - streak.end > GAP_MS) {
    streak.length = 0;
    streak.start = now;
  } else if (++streak.length >= RUN_LENGTH || now - streak.start > RUN_MS) {
    streak.length = 0;
    streak.start = now;
    // Who comes in meanwhile may block all events, this timer too, until its calls are through: they must not wait.
    await engine.lock.pause(new Promise((resolve) => engine.lock.alarm(0, resolve)));
    streak.start = Date.now();
  }
  engine.pragmas.assert();
  const scope = new TransactionScope(parent, Date.now() + Math.min(timeoutMs, MAX_TIMEOUT_MS));
  let result: T;
  try {
    result = await inStorage(scope, work);
  } catch (error) {
    engine.rolledBack();
    throw error;
  } finally {
    streak.end = Date.now();
  }
  engine.committed();
  return result;
}

async function nested<T>(
  parent: TransactionScope,
  work: (scope: TransactionScope) => Promise<T>,
  timeoutMs: number,
): Promise<T> {
  parent.check();
  const deadline = Math.min(parent.deadline, Date.now() + timeoutMs);
  return inStorage(new TransactionScope(parent, deadline), work);
}

async function inStorage<T>(
  scope: TransactionScope,
  work: (scope: TransactionScope) => Promise<T>,
): Promise<T> {
  const { engine } = scope;
  const { lock } = scope.parent;
  // An error crosses the runtime's transaction unharmed only when it is kept on our side.
  let failure: { error: unknown } | undefined;
  // workerd: a timer that waits outside cannot fire before this transaction ends, and would hold back those inside.
  lock.tick(false);
  try {
    return await engine.native.transaction(async () => {
      engine.depth++;
      try {
        const late = new Promise<never>((_, reject) => {
          // A last resort: it fires only while no earlier timer of the object is held back by this very transaction.
          scope.lock.alarm(scope.deadline, () => reject(scope.expire()));
        });
        let result: T;
        try {
          result = await Promise.race([runInScope(scope, () => work(scope)), late]);
        } finally {
          // Nested transactions and calls behind them that nobody awaited end with this one, not after it.
          if (scope.lock.busy && !scope.failure) await scope.lock.shared(() => {});
        }
        scope.check();
        if (engine.depth === 1) engine.beforeCommit();
        return result;
      } catch (error) {
        failure = { error };
        throw error;
      } finally {
        scope.lock.tick();
        scope.closed = true;
        engine.depth--;
      }
    });
  } catch (error) {
    engine.undone(engine.depth === 0);
    throw failure ? failure.error : error;
  } finally {
    lock.tick(true);
  }
}
