import { DosqlError, isDosqlError } from '../errors/index.ts';
import type { Engine } from './engine.ts';
import { needsAsync } from './foreign.ts';
import { assertExact, type IntegerMode } from './integers.ts';
import { runOversize } from './oversize.ts';
import { makePlan, type Plan } from './plan.ts';
import { statementError } from './statement-error.ts';
import type { SqlValue } from './values.ts';

/** Runs everything that is not one plain read or write. */
export function runSpecial(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  if (plan.refusal) throw plan.refusal();
  if (plan.parts) return runSeveral(engine, plan, plan.parts, values, mode);
  if (plan.foreign) throw needsAsync(engine, plan);
  if (plan.rewrites.length > 0) return runRewritten(engine, plan, values, mode);
  if (plan.oversize) return runOversize(engine, plan, values, mode);
  const { statement } = plan;
  const run = (): unknown[][] => {
    const rows = engine.exec(plan.sql, plan, values);
    assertExact(engine, plan, rows, mode);
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
  // DROP TABLE of a parent whose keys are deferred would be noticed at the commit, which resets the object.
  const guarded =
    engine.schemaHooks.length + engine.commitHooks.length > 0 || (engine.depth === 0 && engine.deferred());
  return guarded ? engine.transactionSync(change) : change();
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
  if (plan.foreign) throw needsAsync(engine, plan);
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
  if (values.length !== plan.statement.parameterCount)
    throw statementError('Wrong number of parameter bindings', plan, values);
  let { sql } = plan;
  let bound = values;
  let run = () => {
    try {
      return engine.all(bareOf(plan, sql), bound, mode);
    } catch (error) {
      throw isDosqlError(error) && error.statement === sql ? inTermsOf(plan, error) : error;
    }
  };
  for (const { sql: text = sql, bind, around } of plan.rewrites) {
    sql = text;
    bound = (bind?.(bound) as SqlValue[] | undefined) ?? bound;
    const inner = run;
    if (around) run = () => around(inner);
  }
  return run();
}

/** The error with the caller's text. */
function inTermsOf({ sql }: Plan, error: DosqlError): DosqlError {
  const { code, message, table, columns, constraint, limit, offset, cause } = error;
  return new DosqlError(code, message, { statement: sql, table, columns, constraint, limit, offset, cause });
}

const BARE = new WeakMap<Plan, Plan>();

/** The plan without its rewrites, of the text that they made: it gets every care that this text needs. */
function bareOf(plan: Plan, sql: string): Plan {
  let bare = BARE.get(plan);
  if (bare?.sql !== sql) {
    bare = { ...makePlan(sql, []), text: plan.text ?? plan.sql };
    BARE.set(plan, bare);
  }
  return bare;
}
