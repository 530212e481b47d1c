import { Database } from '../src/engine/database.ts';
import { Engine } from '../src/engine/engine.ts';
import type { Scope } from '../src/engine/scope.ts';
import type { Settings } from '../src/engine/statements.ts';
import { DosqlError } from '../src/errors/index.ts';
import { migrateOnce } from '../src/migration/migrate.ts';

/** What a driver can be opened on at once. */
export type Client = Database | DurableObjectStorage;
/** What the asynchronous driver can also be opened on: it waits for it before the first statement. */
export type LazyClient = Promise<Database> | (() => Promise<Database>);

/** Where a session runs its statements: the root of a database, or one transaction of it. */
export interface Handle {
  readonly scope: Scope;
  readonly settings: Settings;
}

/** The Database for a client; a bare storage gets one without migrations or extensions. @throws INVALID_ARGUMENT */
export function databaseOf(client: Client): Database {
  if ('scope' in Object(client)) return client as Database;
  if (typeof (client as DurableObjectStorage | undefined)?.transactionSync !== 'function') {
    throw new DosqlError(
      'INVALID_ARGUMENT',
      'drizzle(…) needs a Database from DB(…), or ctx.storage of a Durable Object.',
    );
  }
  const engine = Engine.of(client as DurableObjectStorage);
  return new Database('drizzle', engine, { integers: 'throw' }, (source) => migrateOnce(engine, source, {}));
}

/** A handle that may still have to be opened. A failed opening is tried again by the next call. */
export class Connection {
  /** Set once the database is open. */
  handle: Handle | undefined;
  readonly #source: LazyClient | undefined;
  #opening: Promise<Database> | undefined;

  constructor(client: Client | LazyClient) {
    if (
      typeof client === 'function' ||
      typeof (client as { then?: unknown } | undefined)?.then === 'function'
    ) {
      this.#source = client as LazyClient;
      // A promise that rejects before the first statement waits for it must not count as unhandled.
      if (typeof client !== 'function') (client as Promise<Database>).then(undefined, () => {});
    } else {
      const database = databaseOf(client as Client);
      this.handle = database;
      this.#opening = Promise.resolve(database);
    }
  }

  /** The database, opened now when it was not yet. */
  open(): Promise<Database> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<Database> {
    try {
      const source = this.#source as LazyClient;
      const database = databaseOf(await (typeof source === 'function' ? source() : source));
      this.handle = database;
      return database;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }
}
