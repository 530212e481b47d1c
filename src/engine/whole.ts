import { DosqlError } from '../errors/index.ts';
import { drain } from './cursor.ts';
import type { Engine } from './engine.ts';

/** Where @dotdo/dosql/fsx lists its archived files; an engine that can read them knows it as internal. */
const SEGMENTS = '_dosql_tier_seg';

/**
 * Rows that were archived must not be missing in silence where nobody can read them. Looks once per instance.
 * @throws FEATURE_NOT_ENABLED
 */
export function assertWhole(engine: Engine): void {
  if (engine.whole || engine.internal.has(SEGMENTS)) return;
  const found = (sql: string) => drain(engine.sql.exec(sql)).length > 0;
  let archived = false;
  try {
    archived =
      found(`SELECT 1 FROM sqlite_master WHERE name='${SEGMENTS}'`) &&
      found(`SELECT 1 FROM ${SEGMENTS} WHERE state='active' LIMIT 1`);
  } catch {
    // A class without SQL: the statement itself says it better.
  }
  if (archived)
    throw new DosqlError(
      'FEATURE_NOT_ENABLED',
      "Rows of this database are archived, and it was opened without its archive: import { createTieredBackend } from '@dotdo/dosql/fsx' and open it with DB(name, { storage: createTieredBackend({ hot: ctx.storage, cold: bucket }) }).",
    );
  engine.whole = true;
}
