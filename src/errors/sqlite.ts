import type { DosqlErrorCode } from './codes.ts';
import { DosqlError, type ErrorDetails } from './error.ts';

/** Platform limits by the words of SQLite's message: [pattern, limit name, value, way out]. */
const LIMITS: readonly [RegExp, string, number, string][] = [
  [
    /too many SQL variables|variable number must be/,
    'bound parameters',
    100,
    'bind fewer values, or a list as one JSON array through json_each(?)',
  ],
  [/statement too long/, 'bytes of SQL text', 100_000, 'bind values, or split the statement'],
  [/string or blob too big/, 'row bytes', 2_000_000, 'split the value over several rows'],
  [/too many columns|aggregate terms/, 'columns', 100, 'use fewer'],
  [/too many arguments on function/, 'function arguments', 127, 'nest the calls'],
  [/pattern too complex/, 'LIKE or GLOB pattern bytes', 50, 'use instr() or substr()'],
  [
    /too many terms in compound SELECT/,
    'compound SELECT terms',
    5,
    'use VALUES, or nest the terms in sub-selects',
  ],
  [
    /Expression tree is too large|parser stack overflow|Recursion limit/,
    'expression depth',
    100,
    'use IN (…), or a list through json_each(?)',
  ],
  [/trigger recursion|nested too deep/, 'trigger depth', 10, 'shorten the chain of triggers or cascades'],
  [/at most 64 tables/, 'tables in a join', 64, 'join in several steps'],
];

const CONSTRAINT =
  /(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (?!SQLITE_)(?:index '(.*)'|(.*?)))?(?:: SQLITE_|$)/;

/** What other messages mean: [pattern, code, what to do]. The last one is anything. */
const MESSAGES: readonly [RegExp, DosqlErrorCode, string?][] = [
  [
    /no such table: (?<table>_dosql_.+?)(?= at offset \d|: SQLITE_|$)/,
    'NO_SUCH_TABLE',
    'Was the object emptied while its database was open? Call ctx.abort() after ctx.storage.deleteAll().',
  ],
  [
    /in trigger _dosql_\d/,
    'FEATURE_NOT_ENABLED',
    'Open the database with changeLog(), or changeLog({ tables: [] }) to end the log.',
  ],
  [/no such table: (?:main\.)?(?<table>.+?)(?= at offset \d|: SQLITE_|$)/, 'NO_SUCH_TABLE'],
  [
    /(?:no such column: |has no column named )(?<column>.+?)(?= - should| at offset \d|: SQLITE_|$)/,
    'NO_SUCH_COLUMN',
  ],
  [/syntax error|incomplete input|unrecognized token/, 'SYNTAX_ERROR'],
  [/Wrong number of parameter bindings/, 'PARAMETER_COUNT'],
  [/SQL is not enabled/, 'SQL_NOT_ENABLED'],
  [/datatype mismatch/, 'DATATYPE_MISMATCH'],
  [/not authorized|prohibited|access to .* is/, 'NOT_AUTHORIZED'],
  [/is locked|SQLITE_LOCKED/, 'TABLE_LOCKED', 'A row iterator or cursor was not read to its end.'],
  [/SQLITE_FULL|database or disk is full/, 'DATABASE_FULL'],
  [/SQLITE_CONSTRAINT/, 'CONSTRAINT_VIOLATION'],
  [
    /JSON cannot hold BLOB/,
    'SQL_ERROR',
    'Leave the BLOB column out (Drizzle: { columns: { name: false } }), or give hex(column).',
  ],
  [/^/, 'SQL_ERROR'],
];

/** The error for a limit that is known before the statement runs. */
export function limitExceeded(name: string, value: number, actual: number, statement: string): DosqlError {
  const wayOut = LIMITS.find((limit) => limit[1] === name)?.[3];
  return new DosqlError(
    'LIMIT_EXCEEDED',
    `The statement has ${actual} ${name}. The limit of ${name} is ${value}: ${wayOut}.`,
    { statement, limit: { name, value, actual } },
  );
}

/** What is known of the statement that failed. */
interface Given {
  readonly expected?: number;
  readonly given?: number;
  readonly tables?: readonly { readonly name: string }[];
  /** The text that ran, where it is not the caller's. */
  readonly ran?: string;
}

/**
 * Turns an error of `sql.exec` into a DosqlError. The runtime gives plain Errors with only a message (ending in
 * `: SQLITE_XXX`), worded differently from one SQLite version to the next, so the text is all there is to read.
 */
export function fromSqlite(
  cause: unknown,
  statement?: string,
  { expected, given, tables, ran = statement }: Given = {},
): DosqlError {
  if (cause instanceof DosqlError) return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  const [place, offset] = / at offset (\d+)/.exec(said) ?? [];
  // A place in a text that is not the caller's would mislead, unless both begin alike.
  const elsewhere = place && !ran?.startsWith(statement?.slice(0, Number(offset)) ?? '');
  const message = elsewhere ? said.replace(place, '') : said;
  const error = (code: DosqlErrorCode, text: string, details: ErrorDetails) =>
    new DosqlError(code, text, { statement, cause, ...details });

  // The words of RAISE() are the user's, whatever they say; a key with RESTRICT is a trigger within SQLite.
  if (/^(?!FOREIGN KEY constraint failed: S).*SQLITE_CONSTRAINT_TRIGGER/s.test(message))
    return error('CONSTRAINT_VIOLATION', message, {});

  /** `users.email, users.tenant`; a name may hold a dot or a comma itself. */
  const at = (code: DosqlErrorCode, place: string) => {
    const known = tables?.find(({ name }) => place.startsWith(`${name}.`));
    const table = known?.name ?? place.split('.', 1)[0]!;
    return error(code, message, { table, columns: place.slice(table.length + 1).split(`, ${table}.`) });
  };
  const [, kind, index, subject = ''] = CONSTRAINT.exec(message) ?? [];
  if (kind) {
    const code = `${kind.replace(' ', '_')}_VIOLATION` as DosqlErrorCode;
    // A CHECK has a name or its expression, an index over expressions its name.
    const constraint = kind === 'CHECK' ? subject : index;
    if (constraint || !subject) return error(code, message, { constraint });
    return at(code, subject);
  }
  const [, strict] = /cannot store .+? column (.+?): SQLITE_/.exec(message) ?? [];
  if (strict) return at('DATATYPE_MISMATCH', strict);

  const exceeded = LIMITS.find(([pattern]) => pattern.test(message));
  if (exceeded) {
    const [, name, value, wayOut] = exceeded;
    const text = `${message}. The limit of ${name} is ${value}: ${wayOut}.`;
    return error('LIMIT_EXCEEDED', text, { limit: { name, value } });
  }

  const [pattern, code, advice] = MESSAGES.find(([pattern]) => pattern.test(message))!;
  const { table, column } = pattern.exec(message)!.groups ?? {};
  return error(
    code,
    code === 'SQL_NOT_ENABLED'
      ? 'This Durable Object class has no SQL storage. Declare it with `new_sqlite_classes` in the [[migrations]] of wrangler.toml; a class already deployed with `new_classes` cannot be changed.'
      : code === 'PARAMETER_COUNT' && given !== undefined
        ? `The statement has ${expected} parameters, ${given} values were given.`
        : message + (advice ? `. ${advice}` : ''),
    {
      table,
      columns: column ? [column] : undefined,
      offset: offset && !elsewhere ? Number(offset) : undefined,
    },
  );
}
