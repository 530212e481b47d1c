import { limitExceeded } from '../errors/index.ts';
import { adapt, MAX_COMPOUND_TERMS } from '../sql/adapt.ts';
import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';
import type { IntegerMode } from './integers.ts';
import type { Plan } from './plan.ts';
import { checkForeignKeys } from './pragmas.ts';
import { statementError } from './statement-error.ts';
import { decodeRows, type SqlValue } from './values.ts';
import { commitWrite } from './write.ts';

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
    const rows = engine.exec(run.sql, plan, run.values);
    if (decodeRows(rows) && mode !== 'number') engine.restore(run.sql, plan, run.values, rows, mode);
    return rows;
  };
  if (plan.reads) {
    const rows = runs.flatMap(one);
    if (columns) {
      const { rowsRead } = engine;
      engine.exec(columns.sql, plan, columns.values);
      engine.rowsRead = rowsRead;
    }
    return rows;
  }
  const [first] = runs;
  if (runs.length === 1 && first) return commitWrite(engine, plan, () => one(first));
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
  const target = deferForeignKeys ? statement.tables.find((table) => table.role === 'write') : undefined;
  return target ? inOneStatement(engine, target.name, all) : engine.transactionSync(all);
}

/** Nested terms compare by the collation of another column than before, which matters once any is not BINARY. */
function declaresCollation(engine: Engine): boolean {
  const schema = drain(engine.sql.exec("SELECT sql FROM sqlite_master WHERE sql LIKE '%collate%'"));
  return schema.some(([sql]) => /\bcollate\s+["'`[]?(?!binary\b)/i.test(String(sql)));
}

/**
 * Runs the parts of one large INSERT as one statement: in one transaction, with foreign keys from the table to itself
 * checked at the end, as SQLite does for rows of a single statement.
 */
export function inOneStatement<T>(engine: Engine, table: string, work: () => T): T {
  return engine.transactionSync(() => {
    const own = 'SELECT 1 FROM pragma_foreign_key_list(?1) WHERE "table" = ?1 COLLATE NOCASE';
    if (drain(engine.sql.exec(own, table)).length === 0) return work();
    engine.sql.exec('PRAGMA defer_foreign_keys=ON');
    const result = work();
    checkForeignKeys(engine, table);
    if (!engine.pragmas.deferForeignKeys) engine.sql.exec('PRAGMA defer_foreign_keys=OFF');
    return result;
  });
}

/** Adds up what `changes()` and the row counts of several runs say, as if they were one. */
export class ChunkTotals {
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
    engine.rowsRead = this.#read;
    engine.rowsWritten = this.#written;
    engine.chunkedChanges = { writes: engine.writes, changes: this.#changes };
  }
}
