import { DosqlError } from '../errors/index.ts';
import type { QueryResult, RunResult } from './result.ts';
import type { QueryOptions, Statements } from './statements.ts';
import type { Params, Row } from './values.ts';

/** A handle on one synchronous transaction; dead when its callback has returned. Nested ones are savepoints. */
export class SyncTransaction {
  #statements: Statements | undefined;

  /** @internal */
  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** @internal */
  close(): void {
    this.#statements = undefined;
  }

  /** @see Statements.querySync */
  query<T = Row>(sql: string, params?: Params, options?: QueryOptions): QueryResult<T> {
    return this.#open().querySync<T>(sql, params, options);
  }

  /** @see Statements.runSync */
  run<T = Row>(sql: string, params?: Params, options?: QueryOptions): RunResult<T> {
    return this.#open().runSync<T>(sql, params, options);
  }

  /** @see Statements.transactionSync */
  transaction<T>(fn: (tx: SyncTransaction) => T): T {
    return this.#open().transactionSync(fn);
  }

  /** Ends the transaction by throwing: everything it wrote is gone. @throws TRANSACTION_ROLLED_BACK */
  rollback(): never {
    throw rolledBack();
  }

  #open(): Statements {
    if (!this.#statements)
      throw new DosqlError(
        'TRANSACTION_CLOSED',
        'This transaction has ended; its handle cannot be used any more.',
      );
    return this.#statements;
  }
}

/** What `rollback()` of a transaction throws. */
export function rolledBack(): DosqlError {
  return new DosqlError('TRANSACTION_ROLLED_BACK', 'The transaction was rolled back by its callback.');
}
