import { foldName, unquoteIdentifier } from './identifier.ts';
import { numberParameters } from './parameters.ts';
import { findReferences, type References } from './references.ts';
import { skipExplain, statementEnd } from './split.ts';
import { Token } from './token.ts';
import { tokenize } from './tokenizer.ts';
import type { ParameterToken, Statement, StatementKind } from './types.ts';

const NOTHING: References = { tables: [], verb: '', returning: false, compoundTerms: 1 };

/** Index of the first token that is no `;`, from `at` on. */
function skipSemicolons(tokens: readonly number[], at: number): number {
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

  let kind: StatementKind = 'other';
  let found = NOTHING;
  let pragma: Statement['pragma'];
  switch (at(head)) {
    case Token.SELECT:
    case Token.VALUES:
    case Token.WITH:
    case Token.INSERT:
    case Token.REPLACE:
    case Token.UPDATE:
    case Token.DELETE:
      found = findReferences(sql, t, head, end);
      if (found.verb) kind = found.verb === 'SELECT' || found.verb === 'VALUES' ? 'read' : 'write';
      break;
    case Token.CREATE:
    case Token.DROP:
    case Token.ALTER:
      found = findReferences(sql, t, head, end);
      kind = 'ddl';
      break;
    case Token.REINDEX:
    case Token.ANALYZE:
      kind = 'ddl';
      break;
    case Token.PRAGMA: {
      const n = at(head + 6) === Token.DOT ? head + 9 : head + 3;
      pragma = {
        name: at(n) ? foldName(unquoteIdentifier(text(n))) : '',
        assigns: at(n + 3) === Token.EQUALS || at(n + 3) === Token.LEFT_PAREN,
      };
      kind = 'pragma';
      break;
    }
    case Token.BEGIN:
    case Token.COMMIT:
    case Token.END:
    case Token.ROLLBACK:
    case Token.SAVEPOINT:
    case Token.RELEASE:
      kind = 'transaction';
  }
  let verb = found.verb || (head < end ? text(head).toUpperCase() : '');
  // EXPLAIN runs nothing, except a pragma, which SQLite may carry out while it prepares the statement.
  if (head > first && kind !== 'pragma') {
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
    more: skipSemicolons(t, end) < t.length,
    ...(pragma && { pragma }),
  });
}
