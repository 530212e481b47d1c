import { DosqlError, fromSqlite } from '../errors/index.ts';
import type { Engine } from './engine.ts';
import type { IntegerMode } from './integers.ts';
import { runOversize } from './oversize.ts';
import type { Plan } from './plan.ts';
import { decodeRows, type SqlValue } from './values.ts';
import { commitWrite } from './write.ts';

/** Runs everything that is not one plain read or write. */
export function runSpecial(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  if (plan.refusal) throw plan.refusal();
  if (plan.parts) return runSeveral(engine, plan, plan.parts, values, mode);
  if (plan.rewrites.length > 0) return runRewritten(engine, plan, values, mode);
  if (plan.oversize) return runOversize(engine, plan, values, mode);
  const { statement } = plan;
  const run = (): unknown[][] => {
    const rows = engine.exec(plan.sql, plan, values);
    decodeRows(rows);
    return rows;
  };
  if (statement.kind === 'pragma') {
    engine.pragmas.before(statement);
    const rows = run();
    engine.pragmas.after(statement);
    return rows;
  }
  if (statement.kind !== 'ddl') return run();
  const change = () => engine.changeSchema(statement, run);
  return engine.schemaHooks.length > 0 ? engine.transactionSync(change) : change();
}

/** `a; b; c` in one transaction: the platform would keep `a` when `b` fails, and bind values to the last one only. */
function runSeveral(
  engine: Engine,
  plan: Plan,
  parts: readonly Plan[],
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  if (values.length > 0) {
    throw new DosqlError(
      'MULTIPLE_STATEMENTS',
      'Parameters need a single statement; use db.batch for several.',
      { statement: plan.sql },
    );
  }
  return engine.transactionSync(() => {
    let rows: unknown[][] = [];
    for (const part of parts) rows = engine.all(part, values, mode);
    return rows;
  });
}

/** Runs what the extensions made of the statement. */
function runRewritten(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  let { sql } = plan;
  let bound = values;
  let run = (): unknown[][] => {
    const rows = engine.exec(sql, plan, bound);
    if (decodeRows(rows) && mode !== 'number') engine.restore(sql, plan, bound, rows, mode);
    return rows;
  };
  for (const { sql: text = sql, bind, around } of plan.rewrites) {
    sql = text;
    const next = bind?.(bound);
    if (next instanceof Promise) {
      throw new DosqlError(
        'NEEDS_ASYNC',
        'This statement reads rows from outside the object; use the asynchronous API.',
        {
          statement: plan.sql,
        },
      );
    }
    bound = (next as SqlValue[] | undefined) ?? bound;
    const inner = run;
    if (around) run = () => around(inner);
  }
  return plan.reads ? run() : commitWrite(engine, plan, run);
}

/** The DosqlError for a failed statement; syntax that an extension would understand names the extension. */
export function statementError(error: unknown, plan: Plan, values: readonly SqlValue[]): DosqlError {
  const { sql, statement } = plan;
  if (/\bFOR\s+SYSTEM_TIME\b/i.test(sql))
    return missingFeature('FOR SYSTEM_TIME', 'timeTravel', 'history', sql, error);
  if (statement.tables.some((table) => table.string && table.name.includes('://'))) {
    return missingFeature('A URL in table position', 'virtualTables', 'virtual', sql, error);
  }
  return fromSqlite(error, sql, { expected: statement.parameterCount, given: values.length });
}

function missingFeature(
  what: string,
  factory: string,
  module: string,
  statement: string,
  cause: unknown,
): DosqlError {
  return new DosqlError(
    'FEATURE_NOT_ENABLED',
    `${what} needs an extension: import { ${factory} } from '@dotdo/dosql/${module}' and pass ${factory}(…) in DB(name, { extensions: […] }).`,
    { statement, cause },
  );
}
