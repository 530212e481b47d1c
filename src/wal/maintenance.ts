import { enter, RootScope } from '../engine/scope.ts';
import { ChangeLog, type LogStats } from './api.ts';
import { assertNumbers } from './argument.ts';
import { lsnOf, timeAt } from './instant.ts';
import { pruneStep, rotate } from './segments.ts';
import type { LogStore } from './store.ts';

/** What `db.maintenance()` did to the log, and how the log stands: `(await db.maintenance()).extensions['log']`. */
export interface LogReport extends LogStats {
  /** Entries that are gone. */
  pruned: number;
  /** Nothing more is due; false when the time was up: the next call goes on. */
  done: boolean;
}

const SEGMENT_ENTRIES = 100;

/** Prunes what is older than `retain`, each segment in a transaction of its own, and stops starting on one when the time is up. */
export async function maintain(
  store: LogStore,
  retain: number | undefined,
  budgetMs = Infinity,
): Promise<LogReport> {
  assertNumbers({ budgetMs });
  const { engine } = store;
  const until = Date.now() + budgetMs;
  let pruned = 0;
  let done = retain === undefined;
  while (!done && Date.now() < until) {
    const gone = await enter(new RootScope(engine), () => engine.transactionSync(() => step(store, retain!)));
    pruned += gone ?? 0;
    done = gone === undefined;
    // workerd: the clock stands still until the next event, and other requests may have a turn.
    if (!done) await new Promise((resolve) => setTimeout(resolve));
  }
  return { pruned, done, ...new ChangeLog(store).stats() };
}

/** Gives how many entries are gone; undefined when nothing is due. */
function step(store: LogStore, retain: number): number | undefined {
  const now = Date.now();
  const { first } = store.segments.at(-1)!;
  const entries = store.last() - first;
  // Segments of a third of the time that is kept; not for a handful of entries.
  if (entries >= SEGMENT_ENTRIES && now - timeAt(store, first) > retain / 3) rotate(store);
  return pruneStep(store, lsnOf(store, now - retain, true));
}
