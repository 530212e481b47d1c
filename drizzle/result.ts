import type { Engine } from '../src/engine/engine.ts';
import { lastChange } from '../src/engine/statements.ts';
import { DosqlError } from '../src/errors/index.ts';

/** What `run()` answers. */
export interface DrizzleRunResult {
  /** Rows of a RETURNING clause or of a read, by column name. */
  rows: unknown[];
  /**
   * Rows inserted, updated or deleted by the statement itself; 0 for reads and DDL. Read it, `rowsAffected` and
   * `lastInsertRowid` before the next write to the object: later they throw RESULT_EXPIRED.
   */
  readonly changes: number;
  /** The same as `changes`. */
  readonly rowsAffected: number;
  /** Rowid of the last inserted row of the object; bigint beyond ±(2^53-1); 0 for reads and DDL. */
  readonly lastInsertRowid: number | bigint;
  /** The platform's billing counts. */
  rowsRead: number;
  rowsWritten: number;
}

type Change = ReturnType<typeof lastChange>;

const CHANGE = Symbol('change');

/** Own, enumerable properties of a plain object, so that a result can be spread, serialised and returned over RPC. */
const changes: PropertyDescriptor & ThisType<Result> = {
  enumerable: true,
  get() {
    return this[CHANGE]().changes;
  },
};
const lastInsertRowid: PropertyDescriptor & ThisType<Result> = {
  enumerable: true,
  get() {
    return this[CHANGE]().lastInsertRowid;
  },
};

interface Result {
  [CHANGE](): Change;
}

/** The result of the statement that the engine ran last. `SELECT changes()` costs as much as an insert: it waits until asked. */
export function runResult(engine: Engine, rows: unknown[], write: boolean, known?: Change): DrizzleRunResult {
  const stamp = engine.writes;
  const result = { rows, rowsRead: engine.rowsRead, rowsWritten: engine.rowsWritten };
  let change = known ?? (write ? undefined : { changes: 0, lastInsertRowid: 0 });
  Object.defineProperty(result, CHANGE, {
    value: () => {
      if (change === undefined) {
        if (engine.writes !== stamp) {
          throw new DosqlError(
            'RESULT_EXPIRED',
            'Another write ran since this one: read changes and lastInsertRowid before it, or use returning().',
          );
        }
        change = lastChange(engine);
      }
      return change;
    },
  });
  return Object.defineProperties(result, {
    changes,
    rowsAffected: changes,
    lastInsertRowid,
  }) as unknown as DrizzleRunResult;
}
