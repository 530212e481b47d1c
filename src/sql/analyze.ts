import { foldName, unquoteIdentifier } from './identifier.ts';
import { numberParameters } from './parameters.ts';
import { findReferences, type References } from './references.ts';
import { skipExplain, statementEnd } from './split.ts';
import { Token } from './token.ts';
import { type Tokens, tokenize } from './tokenizer.ts';
import type { ParameterToken, Statement, StatementKind } from './types.ts';

const KINDS: Readonly<Record<string, StatementKind>> = Object.fromEntries(
  (
    [
      ['read', 'SELECT VALUES'],
      ['write', 'INSERT REPLACE UPDATE DELETE'],
      ['ddl', 'CREATE DROP ALTER REINDEX ANALYZE'],
      ['pragma', 'PRAGMA'],
      ['transaction', 'BEGIN COMMIT END ROLLBACK SAVEPOINT RELEASE'],
    ] as const
  ).flatMap(([kind, verbs]) => verbs.split(' ').map((verb) => [verb, kind])),
);

const NOTHING: References = { tables: [], verb: '', returning: false, compoundTerms: 1 };

/** Index of the first token that is no `;`, from `at` on. */
function skipSemicolons(tokens: Tokens, at: number): number {
  let i = at;
  while (tokens[i] === Token.SEMICOLON) i += 3;
  return i;
}

/**
 * Adds the parameters on demand: a statement of many rows has as many of them, and few callers look. Its own
 * function, so that a cached statement does not keep the tokens alive.
 */
function withParameters(statement: Omit<Statement, 'parameters'>): Statement {
  return {
    ...statement,
    get parameters() {
      const t = tokenize(statement.sql);
      const first = skipSemicolons(t, 0);
      const found: ParameterToken[] = [];
      numberParameters(statement.sql, t, first, statementEnd(t, first), found);
      return found;
    },
  };
}

/** Analyses one statement; a trailing `;` and comments are fine. Never throws: text that is no statement is of kind `other`. */
export function analyze(sql: string): Statement {
  const t = tokenize(sql);
  const first = skipSemicolons(t, 0);
  const end = statementEnd(t, first);
  const head = skipExplain(t, first);

  const at = (i: number) => (i < end ? t[i]! : 0);
  const text = (i: number) => sql.slice(t[i + 1], t[i + 2]);

  let verb = head < end ? text(head).toUpperCase() : '';
  let kind: StatementKind = KINDS[verb] ?? 'other';
  let found = NOTHING;
  let pragma: Statement['pragma'];
  if (kind === 'pragma') {
    const n = at(head + 6) === Token.DOT ? head + 9 : head + 3;
    pragma = {
      name: at(n) ? foldName(unquoteIdentifier(text(n))) : '',
      assigns: at(n + 3) === Token.EQUALS || at(n + 3) === Token.LEFT_PAREN,
    };
  } else if (kind === 'read' || kind === 'write' || kind === 'ddl' || verb === 'WITH') {
    found = findReferences(sql, t, head, end, kind === 'ddl');
    if (found.verb) {
      verb = found.verb;
      kind = KINDS[verb]!;
    }
  }
  // EXPLAIN runs nothing, except a pragma, which SQLite may carry out while it prepares the statement.
  if (head > first && !pragma) {
    kind = 'read';
    verb = 'EXPLAIN';
  }

  let replace = false;
  let rollbackConflict = false;
  for (let i = head; i < end; i += 3) {
    if (t[i] !== Token.REPLACE && t[i] !== Token.ROLLBACK) continue;
    const clause = t[i - 3] === Token.OR && (t[i - 6] === Token.INSERT || t[i - 6] === Token.UPDATE);
    if (t[i] === Token.REPLACE) replace ||= clause || at(i + 3) === Token.INTO;
    else
      rollbackConflict ||=
        clause ||
        (t[i - 3] === Token.CONFLICT && t[i - 6] === Token.ON) ||
        (t[i - 3] === Token.LEFT_PAREN && t[i - 6] === Token.RAISE);
  }

  return withParameters({
    sql,
    kind,
    verb,
    tables: found.tables,
    parameterCount: numberParameters(sql, t, first, end),
    returning: found.returning,
    replace,
    rollbackConflict,
    compoundTerms: found.compoundTerms,
    ...(pragma && { pragma }),
  });
}
