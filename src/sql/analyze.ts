import { foldName, unquoteIdentifier } from './identifier.ts';
import { numberParameters } from './parameters.ts';
import { findReferences, type References } from './references.ts';
import { skipExplain, statementEnd } from './split.ts';
import * as K from './token.ts';
import { tokenize } from './tokenizer.ts';
import type { ParameterToken, Statement, StatementKind } from './types.ts';

const NOTHING: References = { tables: [], verb: '', returning: false, compoundTerms: 1 };

/** Index of the first token that is no `;`, from `at` on. */
function skipSemicolons(tokens: readonly number[], at: number): number {
  let i = at;
  while (tokens[i] === K.SEMICOLON) i += 3;
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
    case K.SELECT:
    case K.VALUES:
    case K.WITH:
    case K.INSERT:
    case K.REPLACE:
    case K.UPDATE:
    case K.DELETE:
      found = findReferences(sql, t, head, end);
      if (found.verb) kind = found.verb === 'SELECT' || found.verb === 'VALUES' ? 'read' : 'write';
      break;
    case K.CREATE:
    case K.DROP:
    case K.ALTER:
      found = findReferences(sql, t, head, end);
      kind = 'ddl';
      break;
    case K.REINDEX:
    case K.ANALYZE:
      kind = 'ddl';
      break;
    case K.PRAGMA: {
      const n = at(head + 6) === K.DOT ? head + 9 : head + 3;
      pragma = {
        name: at(n) ? foldName(unquoteIdentifier(text(n))) : '',
        assigns: at(n + 3) === K.EQUALS || at(n + 3) === K.LEFT_PAREN,
      };
      kind = 'pragma';
      break;
    }
    case K.BEGIN:
    case K.COMMIT:
    case K.END:
    case K.ROLLBACK:
    case K.SAVEPOINT:
    case K.RELEASE:
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
    if (t[i] !== K.REPLACE && t[i] !== K.ROLLBACK) continue;
    const clause = t[i - 3] === K.OR && (t[i - 6] === K.INSERT || t[i - 6] === K.UPDATE);
    if (t[i] === K.REPLACE) replace ||= clause || at(i + 3) === K.INTO;
    else
      rollbackConflict ||=
        clause ||
        (t[i - 3] === K.CONFLICT && t[i - 6] === K.ON) ||
        (t[i - 3] === K.LEFT_PAREN && t[i - 6] === K.RAISE);
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
