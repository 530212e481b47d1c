import { DosqlError, isDosqlError } from '../errors/index.ts';
import type { ScanReport } from '../relation/provider.ts';
import type { Engine } from './engine.ts';
import type { Loaded, LoadOptions, Rewrite } from './extension.ts';
import { makePlan, type Plan } from './plan.ts';
import { enter, type Scope } from './scope.ts';
import { statementError } from './statement-error.ts';
import type { SqlValue } from './values.ts';

/** How often rows are loaded because others moved them meanwhile: of as many that change archived rows at once, each has its turn. */
const ATTEMPTS = 10;

/** A statement with its rows from outside: what runs in its place, and what was read for it. */
export interface Ready {
  readonly plan: Plan;
  readonly values: readonly SqlValue[];
  readonly report: readonly ScanReport[];
  valid(): boolean;
}

/** Loads what a foreign plan of one statement needs, to run in `options.scope`. @throws what its sources throw, PARAMETER_COUNT */
export async function loadForeign(
  plan: Plan,
  values: readonly SqlValue[],
  options: LoadOptions,
): Promise<Ready> {
  const { statement } = plan;
  if (plan.parts) {
    throw new DosqlError(
      'MULTIPLE_STATEMENTS',
      'Use db.batch for several statements with rows from outside.',
      {
        statement: plan.sql,
      },
    );
  }
  if (values.length !== statement.parameterCount)
    throw statementError('Wrong number of parameter bindings', plan, values);
  const rewrites: Rewrite[] = [];
  const loaded: Loaded[] = [];
  for (const rewrite of plan.rewrites) {
    if (rewrite.load) loaded.push(await rewrite.load(values, options));
    else if ('sql' in rewrite || rewrite.bind)
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        'A statement about the past cannot read rows from outside the object.',
        { statement: plan.sql },
      );
    else rewrites.push(rewrite);
  }
  const { sql, values: bound = values } = loaded.find((one) => one.sql !== undefined) ?? {};
  const valid = () => loaded.every((one) => one.valid?.() ?? true);
  if (loaded.some((one) => one.valid || one.around)) {
    rewrites.unshift({
      around: (run) => {
        // Before any of them moves rows itself.
        if (!valid()) throw moved(plan.sql);
        return loaded.reduce((inner, { around }) => (around ? () => around(inner) : inner), run)();
      },
    });
  }
  const bare = sql === undefined ? without(plan, []) : { ...makePlan(sql, []), text: plan.sql };
  return {
    plan: without(bare, rewrites),
    values: bound,
    report: loaded.flatMap(({ report }) => report),
    valid,
  };
}

/**
 * Loads outside of the lock, then runs in the scope's turn; when the rows have moved meanwhile, loads again.
 * @throws TIER_CONTENTION when they keep moving
 */
export async function withForeign<T>(
  scope: Scope,
  plan: Plan,
  values: readonly SqlValue[],
  options: Omit<LoadOptions, 'scope'>,
  run: (ready: Ready) => T,
): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    scope.check();
    const ready = await loadForeign(plan, values, { ...options, scope });
    const done = await enter(scope, () => (ready.valid() ? { result: run(ready) } : undefined));
    if (done) return done.result;
  }
  throw moved(plan.sql);
}

/** Rows were moved between loading and running. */
export function isMoved(error: unknown): boolean {
  return isDosqlError(error, 'TIER_CONTENTION');
}

function moved(statement: string): DosqlError {
  return new DosqlError(
    'TIER_CONTENTION',
    'The rows of this statement were moved between tiers each time while it read them. Run it again.',
    { statement },
  );
}

/** The error of a synchronous call that would need to load. */
export function needsAsync(engine: Engine, { sql }: Plan): DosqlError {
  return engine.depth > 0
    ? new DosqlError(
        'FOREIGN_IN_TRANSACTION',
        'This statement reads rows from outside the object, which a synchronous transaction cannot wait for. Use db.batch or db.transaction(async (tx) => …).',
        { statement: sql },
      )
    : new DosqlError(
        'NEEDS_ASYNC',
        'This statement reads rows from outside the object; use the asynchronous API.',
        { statement: sql },
      );
}

/** The plan for the object's own rows, where the statement makes sense without the others. */
export function hotOnly(plan: Plan): Plan {
  return plan.rewrites.every(({ load, optional }) => !load || optional)
    ? without(
        plan,
        plan.rewrites.filter(({ load }) => !load),
      )
    : plan;
}

function without(plan: Plan, rewrites: readonly Rewrite[]): Plan {
  const { kind } = plan.statement;
  const plain = !plan.oversize && !rewrites.length && (kind === 'read' || kind === 'write');
  return { ...plan, rewrites, plain, foreign: false };
}
