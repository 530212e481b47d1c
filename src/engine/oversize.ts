import { DosqlError } from '../errors/index.ts';
import type { Engine } from './engine.ts';
import type { IntegerMode } from './integers.ts';
import type { Plan } from './plan.ts';
import type { SqlValue } from './values.ts';

export function runOversize(
  _engine: Engine,
  plan: Plan,
  _values: readonly SqlValue[],
  _mode: IntegerMode,
): unknown[][] {
  throw new DosqlError('LIMIT_EXCEEDED', 'placeholder', { statement: plan.sql });
}
