import type { DosqlErrorCode } from './codes.ts';
import { DosqlError, type ErrorDetails } from './error.ts';

/** Platform limits by the words of SQLite's message: [pattern, limit name, value, way out]. */
const LIMITS: readonly [RegExp, string, number, string][] = [
  [
    /too many SQL variables|variable number must be/,
    'bound parameters',
    100,
    'bind fewer values, or pass a list as one JSON array through json_each(?)',
  ],
  [
    /statement too long/,
    'bytes of SQL text',
    100_000,
    'bind values instead of inlining them, or split the statement',
  ],
  [/string or blob too big/, 'row bytes', 2_000_000, 'split the value over several rows'],
  [/too many columns/, 'columns', 100, 'select or declare fewer columns'],
  [/too many arguments on function/, 'function arguments', 127, 'nest the calls'],
  [/pattern too complex/, 'LIKE or GLOB pattern bytes', 50, 'use instr(), substr() or a range instead'],
  [
    /too many terms in compound SELECT/,
    'compound SELECT terms',
    5,
    'use VALUES, or nest the terms in sub-selects',
  ],
  [
    /Expression tree is too large|parser stack overflow/,
    'expression depth',
    100,
    'use IN (…) or join a list through json_each(?)',
  ],
  [/trigger recursion|nested too deep/, 'trigger depth', 10, 'shorten the chain of triggers or cascades'],
  [/at most 64 tables/, 'tables in a join', 64, 'join in several steps'],
];

/** Messages that name nothing but themselves: [pattern, code]; group 1, where present, is the table or column. */
const MESSAGES: readonly [RegExp, DosqlErrorCode][] = [
  [/no such table: ([^\s:]+)/, 'NO_SUCH_TABLE'],
  [/no such column: ([^\s:]+)|has no column named ([^\s:]+)/, 'NO_SUCH_COLUMN'],
  [/syntax error|incomplete input|unrecognized token/, 'SYNTAX_ERROR'],
  [/Wrong number of parameter bindings/, 'PARAMETER_COUNT'],
  [/SQL is not enabled/, 'SQL_NOT_ENABLED'],
  [/datatype mismatch|cannot store \w+ value/, 'DATATYPE_MISMATCH'],
  [/not authorized|prohibited|access to .* is/, 'NOT_AUTHORIZED'],
  [/is locked|SQLITE_LOCKED/, 'TABLE_LOCKED'],
  [/SQLITE_FULL|database or disk is full/, 'DATABASE_FULL'],
  [/SQLITE_CONSTRAINT/, 'CONSTRAINT_VIOLATION'],
];

/** The error for a limit that is known before the statement runs. */
export function limitExceeded(name: string, value: number, actual: number, statement: string): DosqlError {
  const wayOut = LIMITS.find((limit) => limit[1] === name)?.[3];
  return new DosqlError(
    'LIMIT_EXCEEDED',
    `The statement has ${actual} ${name}, the limit is ${value}: ${wayOut}.`,
    {
      statement,
      limit: { name, value, actual },
    },
  );
}

const CONSTRAINT = /(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (.*?))?(?:: SQLITE_|$)/;

const NOT_ENABLED =
  'This Durable Object class has no SQL storage. Declare it with `new_sqlite_classes` in the [[migrations]] ' +
  'of wrangler.toml (not `new_classes`); a class that is already deployed with `new_classes` cannot be changed.';

/**
 * Turns an error of `sql.exec` into a DosqlError. The runtime gives plain Errors with only a message (ending in
 * `: SQLITE_XXX`), worded differently from one SQLite version to the next, so the text is all there is to read.
 */
export function fromSqlite(
  cause: unknown,
  statement?: string,
  parameters?: { expected: number; given: number },
): DosqlError {
  if (cause instanceof DosqlError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const details: ErrorDetails = { statement, cause };
  const constraint = CONSTRAINT.exec(message);
  if (constraint) return constraintError(constraint[1] as string, constraint[2], message, details);
  for (const [pattern, name, value, wayOut] of LIMITS) {
    if (pattern.test(message)) {
      return new DosqlError('LIMIT_EXCEEDED', `${message}. The limit of ${name} is ${value}: ${wayOut}.`, {
        ...details,
        limit: { name, value },
      });
    }
  }
  for (const [pattern, code] of MESSAGES) {
    const found = pattern.exec(message);
    if (!found) continue;
    if (code === 'SQL_NOT_ENABLED') return new DosqlError(code, NOT_ENABLED, details);
    if (code === 'PARAMETER_COUNT' && parameters) {
      const { expected, given } = parameters;
      return new DosqlError(
        code,
        `The statement has ${expected} parameters, ${given} values were given.`,
        details,
      );
    }
    const name = found[1] ?? found[2];
    if (code === 'NO_SUCH_TABLE') details.table = name;
    if (code === 'NO_SUCH_COLUMN' && name) details.columns = [name];
    const offset = /at offset (\d+)/.exec(message);
    if (offset) details.offset = Number(offset[1]);
    return new DosqlError(code, message, details);
  }
  return new DosqlError('SQL_ERROR', message, details);
}

function constraintError(
  kind: string,
  subject: string | undefined,
  message: string,
  details: ErrorDetails,
): DosqlError {
  if (kind === 'UNIQUE' || kind === 'NOT NULL') {
    // `users.email, users.tenant`, or `index 'name'` for an index over expressions.
    const index = /^index '(.*)'$/.exec(subject ?? '');
    if (index) details.constraint = index[1];
    else {
      const columns = (subject ?? '').split(', ').map((part) => {
        const dot = part.indexOf('.');
        if (dot > 0) details.table = part.slice(0, dot);
        return part.slice(dot + 1);
      });
      details.columns = columns;
    }
    return new DosqlError(kind === 'UNIQUE' ? 'UNIQUE_VIOLATION' : 'NOT_NULL_VIOLATION', message, details);
  }
  if (kind === 'CHECK')
    return new DosqlError('CHECK_VIOLATION', message, { ...details, constraint: subject });
  return new DosqlError('FOREIGN_KEY_VIOLATION', message, details);
}
