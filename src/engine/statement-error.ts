import { DosqlError, fromSqlite } from '../errors/index.ts';
import type { Plan } from './plan.ts';
import type { SqlValue } from './values.ts';

/** The DosqlError for a failed statement, `ran` in its place; syntax that an extension would understand names the extension. */
export function statementError(
  error: unknown,
  plan: Plan,
  values: readonly SqlValue[],
  ran = plan.sql,
): DosqlError {
  const { sql, text = sql, statement } = plan;
  if (/near "(for|system_time)".*system_time/is.test(`${error} ${sql}`))
    return missingFeature('FOR SYSTEM_TIME', 'timeTravel', 'history', sql, error);
  const [, reader] = /no such table: (read_(?:csv|json|ndjson|parquet|source))\b/.exec(String(error)) ?? [];
  const { parameterCount: expected, tables } = statement;
  // Without parentheses it is a table like any other.
  if (tables.some(({ string, call, name }) => (string ? name.includes('://') : call && name === reader))) {
    return missingFeature(reader ?? 'A URL in table position', 'virtualTables', 'virtual', sql, error);
  }
  return fromSqlite(error, text, { expected, given: values.length, tables, ran });
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
