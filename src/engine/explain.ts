import { DosqlError } from '../errors/index.ts';
import type { ScanReport } from '../relation/provider.ts';
import type { Engine } from './engine.ts';
import type { Ready } from './foreign.ts';
import type { Plan } from './plan.ts';
import type { SqlValue } from './values.ts';

/** A step of SQLite's query plan with the steps inside it. */
export interface QueryPlanNode {
  detail: string;
  children: QueryPlanNode[];
}

export interface Explanation {
  plan: QueryPlanNode[];
  /** The SQL text that really runs. */
  sql: string;
  /** Tables, views and external sources the statement names, in order of appearance. */
  relations: string[];
  /** What would be read from outside the object, one per source. */
  sources: readonly ScanReport[];
}

/** SQLite's plan of a statement, without running it. `ready` is what runs in its place. */
export function explain(engine: Engine, plan: Plan, values: readonly SqlValue[], ready?: Ready): Explanation {
  if (plan.refusal) throw plan.refusal();
  // EXPLAIN holds for the first of several statements only: the others would run.
  if (plan.parts) {
    throw new DosqlError('MULTIPLE_STATEMENTS', 'Only one statement can be explained at a time.', {
      statement: plan.sql,
    });
  }
  // SQLite runs a pragma while it prepares it, EXPLAIN or not.
  if (plan.statement.kind === 'pragma') {
    throw new DosqlError('UNSUPPORTED_STATEMENT', 'A PRAGMA cannot be explained.', { statement: plan.sql });
  }
  const shownPlan = ready?.plan ?? plan;
  let { sql } = shownPlan;
  let bound = (ready?.values ?? values) as SqlValue[];
  for (const rewrite of shownPlan.rewrites) {
    sql = rewrite.sql ?? sql;
    bound = (rewrite.bind?.(bound) as SqlValue[] | undefined) ?? bound;
  }
  // What was loaded is in the text already, or nothing is needed.
  const text = `EXPLAIN QUERY PLAN ${sql}`;
  const shown = ready ? engine.bare(text) : engine.plan(text);
  const rows = engine.all(shown, bound, 'number') as [
    id: number,
    parent: number,
    unused: number,
    detail: string,
  ][];
  const nodes = new Map<number, QueryPlanNode>();
  const roots: QueryPlanNode[] = [];
  for (const [id, parent, , detail] of rows) {
    const node: QueryPlanNode = { detail, children: [] };
    nodes.set(id, node);
    (nodes.get(parent)?.children ?? roots).push(node);
  }
  const relations = new Set<string>();
  for (const table of plan.statement.tables) if (!table.cte) relations.add(table.name);
  return { plan: roots, sql, relations: [...relations], sources: ready?.report ?? [] };
}
