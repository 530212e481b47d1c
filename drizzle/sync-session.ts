import { entityKind, type TablesRelationalConfig } from 'drizzle-orm';
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types';
import { SQLiteTransaction } from 'drizzle-orm/sqlite-core';
import { enterSync, type Scope } from '../src/engine/scope.ts';
import { DosqlError } from '../src/errors/index.ts';
import { attach, entryPoints } from './attach.ts';
import type { Handle } from './connection.ts';
import { type Form, type Metadata, type Method, type Placeholders, Query } from './query.ts';
import type { DrizzleRunResult } from './result.ts';
import { Session } from './session.ts';

/** A prepared query of the synchronous driver. Its errors are DosqlErrors with SQLite's message. */
export class SyncQuery extends Query {
  override run(placeholders?: Placeholders) {
    enterSync((this.session.handle as Handle).scope);
    return this.runNow(placeholders);
  }

  override all(placeholders?: Placeholders) {
    enterSync((this.session.handle as Handle).scope);
    return this.allNow(placeholders);
  }

  override get(placeholders?: Placeholders) {
    enterSync((this.session.handle as Handle).scope);
    return this.getNow(placeholders);
  }

  override values(placeholders?: Placeholders) {
    enterSync((this.session.handle as Handle).scope);
    return this.valuesNow(placeholders);
  }
}

export class SyncSession extends Session {
  static override readonly [entityKind]: string = 'SQLiteDOSession';
  readonly kind = 'sync';

  query(form: Form, params: unknown[], method: Method, metadata?: Metadata, cacheConfig?: WithCacheConfig) {
    return new SyncQuery(this, form, params, method, metadata, cacheConfig);
  }

  /** @throws ASYNC_IN_SYNC_TRANSACTION (rolled back) when the callback returns a promise */
  override transaction<T>(work: (tx: SyncTransaction) => T): T {
    const { scope, settings } = this.handle as Handle;
    enterSync(scope);
    const inner = new SyncScope(scope);
    const tx = new SyncTransaction(new SyncSession(this.options, { scope: inner, settings }));
    try {
      return scope.engine.transactionSync(() => work(tx));
    } finally {
      inner.closed = true;
    }
  }
}

/** The scope of one synchronous transaction: usable until its callback has returned. */
class SyncScope implements Scope {
  closed = false;
  readonly engine;
  readonly lock;

  constructor(readonly parent: Scope) {
    this.engine = parent.engine;
    this.lock = parent.lock;
  }

  get blocked(): boolean {
    return this.parent.blocked;
  }

  check(): void {
    if (this.closed) {
      throw new DosqlError(
        'TRANSACTION_CLOSED',
        'This transaction has ended; its handle cannot be used any more.',
      );
    }
    this.parent.check();
  }
}

/** A handle on one synchronous transaction, dead when its callback has returned; nested ones are savepoints. */
export class SyncTransaction<
  TFullSchema extends Record<string, unknown> = Record<string, unknown>,
  TSchema extends TablesRelationalConfig = TablesRelationalConfig,
> extends SQLiteTransaction<'sync', DrizzleRunResult, TFullSchema, TSchema> {
  static {
    Object.assign(SyncTransaction.prototype, entryPoints);
  }

  static override readonly [entityKind]: string = 'SQLiteDOTransaction';

  /** @internal */
  constructor(session: SyncSession) {
    super('sync', session.options.dialect, session as never, undefined as never);
    attach(this, session);
  }
}
