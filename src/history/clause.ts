import { DosqlError } from '../errors/index.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';

/** An expression in a clause, and what its value means. */
export interface ClausePoint {
  readonly kind: 'time' | 'lsn' | 'transaction';
  /** Span of the expression. */
  readonly start: number;
  readonly end: number;
}

/** One `FOR SYSTEM_TIME …`. */
export interface Clause {
  readonly start: number;
  readonly end: number;
  readonly form: keyof typeof FORMS;
  readonly points: readonly ClausePoint[];
}

/** What follows the first word of each form; `?` is a point. */
const FORMS = {
  AS: ['OF', '?'],
  FROM: ['?', 'TO', '?'],
  BETWEEN: ['?', 'AND', '?'],
  CONTAINED: ['IN', '(', '?', ',', '?', ')'],
  ALL: [],
} as const;

/** Whether there is any, or something that looks like one; cheap where nothing does. */
export function hasClause(sql: string): boolean {
  if (!/\bsystem_time\b/i.test(sql)) return false;
  const t = tokenize(sql);
  const word = (i: number) => sql.slice(t[i + 1], t[i + 2]).toUpperCase();
  for (let i = 3; i < t.length; i += 3) if (word(i) === 'SYSTEM_TIME' && word(i - 3) === 'FOR') return true;
  return false;
}

/** The clauses of a statement, in order. `FOR SYSTEM_TIME` is never valid SQLite, so nothing else can look like one. @throws SYNTAX_ERROR */
export function findClauses(sql: string): Clause[] {
  const t = tokenize(sql);
  const found: Clause[] = [];
  const word = (i: number) => (i < t.length ? sql.slice(t[i + 1], t[i + 2]).toUpperCase() : '');
  const fail = (i: number, expected: string) =>
    new DosqlError('SYNTAX_ERROR', `FOR SYSTEM_TIME: ${expected} expected.`, {
      statement: sql,
      offset: t[i + 1] ?? sql.length,
    });
  let at = 0;
  const expect = (text: string) => {
    if (word(at) !== text) throw fail(at, text);
    at += 3;
  };
  /** Behind the parenthesis that closes the one at `i`. */
  const closed = (i: number): number => {
    for (let depth = 0, n = i; n < t.length; n += 3) {
      if (t[n] === Token.LEFT_PAREN) depth++;
      else if (t[n] === Token.RIGHT_PAREN && --depth === 0) return n + 3;
    }
    throw fail(t.length, ')');
  };
  const point = (): ClausePoint => {
    let kind: ClausePoint['kind'] = 'time';
    const head = word(at);
    // date(…) is a function.
    const prefix =
      head === 'DATE' ? t[at + 3] !== Token.LEFT_PAREN : /^(TIMESTAMP|LSN|TRANSACTION)$/.test(head);
    if (prefix) {
      if (head === 'LSN' || head === 'TRANSACTION') kind = head.toLowerCase() as ClausePoint['kind'];
      at += 3;
    }
    const first = at;
    const token = t[at];
    if (token === Token.LEFT_PAREN) at = closed(at);
    else if (token === Token.WORD && t[at + 3] === Token.LEFT_PAREN) at = closed(at + 3);
    else if (
      token === Token.STRING ||
      token === Token.NUMBER ||
      token === Token.PARAMETER ||
      word(at).startsWith('CURRENT_')
    )
      at += 3;
    else throw fail(at, 'a point in time');
    return { kind, start: t[first + 1]!, end: t[at - 1]! };
  };
  while (at < t.length) {
    if (word(at) !== 'FOR' || word(at + 3) !== 'SYSTEM_TIME') {
      at += 3;
      continue;
    }
    const start = t[at + 1]!;
    at += 6;
    const head = word(at);
    at += 3;
    const pattern = FORMS[head as Clause['form']];
    if (pattern === undefined) throw fail(at - 3, 'AS OF, FROM, BETWEEN, CONTAINED IN or ALL');
    const points: ClausePoint[] = [];
    for (const part of pattern) {
      if (part === '?') points.push(point());
      else expect(part);
    }
    found.push({ start, end: t[at - 1]!, form: head as Clause['form'], points });
  }
  return found;
}
