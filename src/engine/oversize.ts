import { isDosqlError, limitExceeded } from '../errors/index.ts';
import { adapt, MAX_COMPOUND_TERMS } from '../sql/adapt.ts';
import { analyze } from '../sql/analyze.ts';
import type { Statement } from '../sql/types.ts';
import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';
import { exactRows, type IntegerMode } from './integers.ts';
import type { Plan } from './plan.ts';
import { brokenKeys, checkForeignKeys } from './pragmas.ts';
import { statementError } from './statement-error.ts';
import { decodeRows, type SqlValue } from './values.ts';
import { commitWrite, runWrite } from './write.ts';

/** Runs a statement that is too large for one `sql.exec`: split or re-expressed so that it means the same. @throws LIMIT_EXCEEDED */
export function runOversize(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  const { statement } = plan;
  if (values.length !== statement.parameterCount) {
    throw statementError('Wrong number of parameter bindings', plan, values);
  }
  const adapted = adapt(statement, values);
  if ('limit' in adapted || (adapted.needsBinary && declaresCollation(engine))) {
    const { name, limit, actual } =
      'limit' in adapted
        ? adapted.limit
        : { name: 'compound SELECT terms', limit: MAX_COMPOUND_TERMS, actual: statement.compoundTerms };
    throw limitExceeded(name, limit, actual, plan.sql);
  }
  const { runs, columns, deferForeignKeys } = adapted;
  const one = (run: (typeof runs)[number]): unknown[][] => {
    if (statement.returning) {
      const part = { ...plan, sql: run.sql, statement: analyze(run.sql) };
      return runWrite(engine, part, run.values, mode);
    }
    const rows = engine.exec(run.sql, plan, run.values);
    return decodeRows(rows) ? exactRows(engine, run.sql, plan, run.values, rows, mode) : rows;
  };
  if (plan.reads) {
    const rows = runs.flatMap(one);
    if (columns) {
      const { counts } = engine;
      engine.exec(columns.sql, plan, columns.values);
      engine.counts = counts;
    }
    return rows;
  }
  const [first] = runs;
  if (runs.length === 1 && first)
    return statement.returning ? one(first) : commitWrite(engine, plan, () => one(first));
  const all = () => {
    const total = new ChunkTotals(engine);
    const rows: unknown[][] = [];
    for (const run of runs) {
      for (const row of one(run)) rows.push(row);
      total.add();
    }
    engine.touch(plan);
    total.done();
    return rows;
  };
  return deferForeignKeys ? inOneStatement(engine, statement, all) : engine.transactionSync(all);
}

/** Nested terms compare by the collation of another column than before, which matters once any is not BINARY. */
function declaresCollation(engine: Engine): boolean {
  const schema = drain(engine.sql.exec("SELECT sql FROM sqlite_master WHERE sql LIKE '%collate%'"));
  return schema.some(([sql]) => /\bcollate(?![\s"'`[]*binary\b)/i.test(String(sql)));
}

/**
 * Runs the parts of one large INSERT as one statement: in one transaction, with the foreign keys that its own rows may
 * break and mend checked at the end, as SQLite does for a single statement. `work` may run twice.
 */
export function inOneStatement<T>(engine: Engine, { sql, replace, tables }: Statement, work: () => T): T {
  const table = tables.find(({ role }) => role === 'write')?.name ?? '';
  const found = (query: string) => drain(engine.sql.exec(query, table)).length > 0;
  // Rows that others refer to may go, and triggers may write anywhere.
  const anywhere = () =>
    replace ||
    /\bconflict\b/i.test(sql) ||
    found(
      "SELECT 1 FROM sqlite_master WHERE tbl_name=? COLLATE NOCASE AND (type='trigger' OR sql LIKE '%conflict%')",
    );
  const deferred = (known?: unknown[][]) => () => {
    engine.sql.exec('PRAGMA defer_foreign_keys=ON');
    try {
      const result = work();
      // Turning the pragma off forgives what is broken.
      checkForeignKeys(engine, anywhere() ? undefined : table, known);
      return result;
    } finally {
      // A rollback alone would leave it on.
      if (!engine.pragmas.deferForeignKeys) engine.sql.exec('PRAGMA defer_foreign_keys=OFF');
    }
  };
  const self = found('SELECT 1 FROM pragma_foreign_key_list(?1) WHERE "table"=?1 COLLATE NOCASE');
  try {
    return engine.transactionSync(self ? deferred() : work);
  } catch (error) {
    if (!isDosqlError(error, 'FOREIGN_KEY_VIOLATION')) throw error;
    // Rows of before may be what was found, or a later part would have mended it: rare enough to look only now.
    const known = brokenKeys(engine);
    if (self ? !known.length : !anywhere()) throw error;
    return engine.transactionSync(deferred(known));
  }
}

/** Adds up what `changes()` and the row counts of several runs say, as if they were one. */
class ChunkTotals {
  #changes = 0;
  #read = 0;
  #written = 0;

  constructor(private readonly engine: Engine) {}

  /** Counts the run that just ended. */
  add(): void {
    const { engine } = this;
    this.#read += engine.rowsRead;
    this.#written += engine.rowsWritten;
    this.#changes += drain(engine.sql.exec('SELECT changes()'))[0]?.[0] as number;
  }

  /** Makes the totals the counts of the last statement. */
  done(): void {
    const { engine } = this;
    engine.counts = { rowsRead: this.#read, rowsWritten: this.#written };
    engine.chunkedChanges = { writes: engine.writes, changes: this.#changes };
  }
}
