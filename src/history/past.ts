import type { Engine } from '../engine/engine.ts';
import type { Rewrite } from '../engine/extension.ts';
import { makePlan, type Plan } from '../engine/plan.ts';
import { RootScope } from '../engine/scope.ts';
import { Statements } from '../engine/statements.ts';
import type { SqlValue } from '../engine/values.ts';
import { BoundedCache, textWeight } from '../sql/cache.ts';
import type { Statement } from '../sql/types.ts';
import type { LogStore } from '../wal/store.ts';
import { checkProgram } from './program.ts';
import { type Rewritten, rewritePast } from './rewrite.ts';

/** Rewritten texts for handles on the past; they are the same for every point. */
export type PastTexts = BoundedCache<string, Cached>;

interface Cached {
  version: number;
  rewritten: Rewritten;
  /** The names of tables in SQLite's own program for the text were checked. */
  checked: boolean;
}

/** A rewrite whose text follows the log and the schema. */
export function pastRewrite(store: LogStore, sql: string, lsn?: number, cache?: PastTexts): Rewrite {
  const all = lsn !== undefined;
  let cached: Cached | undefined;
  const current = (): Cached => {
    if (cached?.version !== store.version) cached = cache?.get(sql);
    if (cached?.version === store.version) return cached;
    const rewritten = rewritePast(store, sql, all);
    cached = { version: store.version, rewritten, checked: !all || rewritten.explains };
    cache?.set(sql, cached);
    return cached;
  };
  return {
    get sql() {
      return current().rewritten.sql;
    },
    bind(values) {
      const state = current();
      const bound = [...values, ...state.rewritten.bounds(values, lsn ?? 0)];
      if (!state.checked) checkProgram(store, state.rewritten, bound as SqlValue[], sql);
      state.checked = true;
      return bound;
    },
    around(run) {
      const rows = run();
      store.engine.names = current().rewritten.names(store.engine.names);
      return rows;
    },
  };
}

/** A read-only handle on the whole database as it was. Every method of a Database that reads works as there. */
export class PastDatabase extends Statements {
  /** The LSN whose state is read. */
  readonly lsn: number;

  /** @internal Use `db.asOf(point)`. */
  constructor(store: LogStore, lsn: number, texts: PastTexts, settings: Statements['settings']) {
    super(new RootScope(pastEngine(store, lsn, texts)), settings);
    this.lsn = lsn;
  }
}

/** The engine with plans of its own: everything else, connection and lock included, is the same. */
function pastEngine(store: LogStore, lsn: number, texts: PastTexts): Engine {
  const plans = new BoundedCache<string, Plan>(64, textWeight);
  const hook = ({ sql }: Statement): Rewrite => pastRewrite(store, sql, lsn, texts);
  const plan = (sql: string): Plan => {
    let found = plans.get(sql);
    if (!found) {
      found = makePlan(sql, [hook]);
      plans.set(sql, found);
    }
    return found;
  };
  return new Proxy(store.engine, {
    get(engine, key) {
      if (key === 'plan') return plan;
      const value = engine[key as keyof Engine];
      return typeof value === 'function' ? (value as () => unknown).bind(engine) : value;
    },
    set: (engine, key, value) => Reflect.set(engine, key, value),
  });
}
