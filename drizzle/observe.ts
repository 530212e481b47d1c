import type { Engine } from '../src/engine/engine.ts';
import type { IntegerMode } from '../src/engine/integers.ts';
import type { Plan } from '../src/engine/plan.ts';
import type { QueryEvent } from '../src/engine/result.ts';
import type { Settings } from '../src/engine/statements.ts';
import type { SqlValue } from '../src/engine/values.ts';

/** Runs a statement and tells the database's `onQuery` about it. */
export function observe(
  engine: Engine,
  { onQuery, captureParams }: Settings,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  const tables = new Set<string>();
  for (const { name, cte, call } of plan.statement.tables) if (!cte && !call) tables.add(name.toLowerCase());
  const event: QueryEvent = { sql: plan.sql, ms: 0, rowsRead: 0, rowsWritten: 0, tables: [...tables] };
  if (captureParams) event.params = values;
  const start = Date.now();
  try {
    const rows = engine.all(plan, values, mode);
    event.rowsRead = engine.rowsRead;
    event.rowsWritten = engine.rowsWritten;
    return rows;
  } catch (error) {
    event.error = error;
    throw error;
  } finally {
    event.ms = Date.now() - start;
    onQuery?.(event);
  }
}
