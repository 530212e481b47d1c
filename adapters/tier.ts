import type { AsyncSession } from '../drizzle/async-session.ts';
import { Connection } from '../drizzle/connection.ts';
import type { Database } from '../src/engine/database.ts';
import type { Engine } from '../src/engine/engine.ts';
import { hotOnly } from '../src/engine/foreign.ts';
import type { Plan } from '../src/engine/plan.ts';
import { type AnyDatabase, rootSessionOf } from './session.ts';

/**
 * The same database with its own view of tiered tables: `'hot'` sees and changes the rows in the object only, in both
 * drivers, without reading R2; `'all'` all of them, which the synchronous driver cannot.
 * @throws INVALID_ARGUMENT for a transaction
 */
export function tier<Db extends AnyDatabase>(db: Db, which: 'hot' | 'all'): Db {
  const session = rootSessionOf(db);
  const { handle, options } = session;
  const client = handle
    ? seeing(handle as Database, which)
    : async () => seeing(await ((session as AsyncSession).connection as Connection).open(), which);
  // Rows in the object must not be taken for all rows.
  const connection = new Connection(client as unknown as Database);
  return make(db, make(session, { ...options, cache: undefined }, connection.handle, connection));
}

/** Another object of the same class, so that one adapter serves both kinds of driver and bundles neither. */
function make<T extends object>(like: T, ...args: unknown[]): T {
  return new (like.constructor as new (...args: unknown[]) => T)(...args);
}

/** Another handle on the same database, with what its extensions added. */
function seeing(database: Database, tier: 'hot' | 'all'): Database {
  const { name, settings, scope } = database;
  const whole = WHOLE.get(scope.engine) ?? scope.engine;
  const engine = tier === 'hot' ? hotEngine(whole) : whole;
  const copy = make(database, name, engine, { ...settings, tier }, database.migrate.bind(database));
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(database)))
    if (!Object.hasOwn(copy, key)) Object.defineProperty(copy, key, property);
  return copy;
}

const HOT = new WeakMap<Plan, Plan>();
/** Engines that see everything, by those that do not. */
const WHOLE = new WeakMap<Engine, Engine>();

/** The engine with plans that leave rows elsewhere alone: everything else, connection and lock included, is the same. */
function hotEngine(engine: Engine): Engine {
  const plan = (sql: string): Plan => {
    const known = engine.plan(sql);
    if (!known.foreign) return known;
    let hot = HOT.get(known);
    if (!hot) {
      hot = hotOnly(known);
      HOT.set(known, hot);
    }
    return hot;
  };
  const hot = new Proxy(engine, {
    get(target, key) {
      if (key === 'plan') return plan;
      const value = target[key as keyof Engine];
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value),
  });
  WHOLE.set(hot, engine);
  return hot;
}
