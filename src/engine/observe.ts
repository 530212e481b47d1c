import type { Engine } from './engine.ts';
import type { Plan } from './plan.ts';
import type { QueryEvent } from './result.ts';
import type { Settings } from './statements.ts';
import type { SqlValue } from './values.ts';

/** Runs a statement and tells `onQuery` about it. */
export function observed<T>(
  engine: Engine,
  { onQuery, captureParams }: Settings,
  plan: Plan,
  values: readonly SqlValue[],
  run: () => T,
): T {
  const event: QueryEvent = { sql: plan.sql, ms: 0, rowsRead: 0, rowsWritten: 0, tables: tableNames(plan) };
  if (captureParams) event.params = values;
  const start = Date.now();
  try {
    const found = run();
    event.rowsRead = engine.rowsRead;
    event.rowsWritten = engine.rowsWritten;
    return found;
  } catch (error) {
    event.error = error;
    throw error;
  } finally {
    event.ms = Date.now() - start;
    // What the listener runs itself must not get into the result, nor its failure into a statement that has run.
    const { names, counts } = engine;
    try {
      onQuery?.(event);
    } catch (error) {
      console.error('onQuery threw', error);
    }
    engine.names = names;
    engine.counts = counts;
  }
}

function tableNames(plan: Plan): string[] {
  const names = new Set<string>();
  for (const part of plan.parts ?? [plan]) {
    for (const { name, cte, call } of part.statement.tables) if (!cte && !call) names.add(name.toLowerCase());
  }
  return [...names];
}
