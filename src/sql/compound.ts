import type { Edit } from './edit.ts';
import { foldName, unquoteIdentifier } from './identifier.ts';
import { isName, Token } from './token.ts';
import type { Tokens } from './tokenizer.ts';
import type { Statement } from './types.ts';

/** How compounds are nested. */
export interface Nesting {
  readonly edits: readonly Edit[];
  /** End of the first term of the outermost compound, when that one is nested and its first term is a SELECT. */
  readonly firstTerm: number | undefined;
  /** Exact only while no column that the terms read has a COLLATE: see {@link Adaptation}. */
  readonly needsBinary: boolean;
}

/**
 * Nests every compound SELECT of more than `max` terms: `SELECT * FROM (a UNION b ..) UNION f ..`. Set operators
 * are left-associative, so this is exact for any mixture. Undefined when a compound cannot be nested: a recursive
 * common table expression, an ORDER BY that names more than a result column, or one that another term follows.
 */
export function nestCompounds(statement: Statement, t: Tokens, max: number): Nesting | undefined {
  const { sql } = statement;
  const text = (i: number) => sql.slice(t[i + 1], t[i + 2]);
  const edits: Edit[] = [];
  let firstTerm: number | undefined;
  let needsBinary = false;
  /** Per open parenthesis: its token, the first token of its SELECT, its set operators, its ORDER BY, its LIMIT. */
  const frames: { open: number; first: number; operators: number[]; order: number; limit: number }[] = [];
  const fresh = (open: number) => frames.push({ open, first: -1, operators: [], order: -1, limit: -1 });

  /** False when the compound in the innermost parentheses, which end at token `end`, cannot be nested. */
  const close = (end: number): boolean => {
    const { open, first, operators, order } = frames.pop()!;
    if (operators.length < max) return true;
    if (order >= 0 && !plainOrder(order)) return false;
    const name = bodyOf(open);
    const recursive = statement.tables.some(
      (r) => r.cte && r.start > t[open + 1]! && r.start < t[end + 1]! && foldName(r.name) === name,
    );
    if (recursive) return false;
    // UNION ALL compares nothing.
    const compares = operators.some((i) => t[i] !== Token.UNION || !/^all$/i.test(text(i + 3)));
    if (compares && !plainColumns(first)) needsBinary = true;
    let opening = '';
    for (let k = max - 1; k < operators.length; k += max - 1) {
      opening += 'SELECT * FROM (';
      const at = t[operators[k]! - 1]!;
      edits.push({ start: at, end: at, text: ')' });
    }
    const at = t[first + 1]!;
    edits.push({ start: at, end: at, text: opening });
    if (open < 0 && t[first] === Token.SELECT) firstTerm = t[operators[0]! - 1]!;
    return true;
  };

  /** Name of the common table expression whose body opens at token `open`. */
  const bodyOf = (open: number): string | undefined => {
    let i = open - 3;
    // AS, AS MATERIALIZED, AS NOT MATERIALIZED.
    while (t[i] === Token.WORD || t[i] === Token.NOT) i -= 3;
    if (t[i] !== Token.AS) return;
    i -= 3;
    if (t[i] === Token.RIGHT_PAREN) while (i > 0 && t[i + 3] !== Token.LEFT_PAREN) i -= 3;
    return foldName(unquoteIdentifier(text(i)));
  };

  /** A column of a table has a collation, which nesting keeps; an expression leaves it to the later terms. */
  const plainColumns = (first: number): boolean => {
    let i = first;
    if (t[i] !== Token.SELECT) return false;
    do {
      i += t[i + 3] === Token.DISTINCT ? 6 : 3;
      while (isName(t[i]!) && t[i + 3] === Token.DOT) i += 6;
      if (t[i] === Token.STRING || (!isName(t[i]!) && t[i] !== Token.STAR)) return false;
      i += t[i + 3] === Token.AS ? 9 : isName(t[i + 3]!) ? 6 : 3;
    } while (t[i] === Token.COMMA);
    return t[i] === Token.FROM;
  };

  /** Expressions are matched against the text of each term, which nesting hides; numbers and names survive. */
  const plainOrder = (order: number): boolean => {
    let i = order + 6;
    while (isName(t[i]!) || t[i] === Token.NUMBER || t[i] === Token.COMMA) i += 3;
    return [undefined, Token.RIGHT_PAREN, Token.SEMICOLON, Token.LIMIT, Token.ON, Token.RETURNING].includes(
      t[i],
    );
  };

  fresh(-1);
  let i = 0;
  for (; i < t.length && t[i] !== Token.SEMICOLON; i += 3) {
    const frame = frames[frames.length - 1]!;
    switch (t[i]) {
      case Token.LEFT_PAREN:
        fresh(i);
        break;
      case Token.RIGHT_PAREN:
        if (frames.length > 1 && !close(i)) return;
        break;
      case Token.SELECT:
      case Token.VALUES:
        if (frame.first < 0) frame.first = i;
        break;
      case Token.UNION:
      case Token.EXCEPT:
      case Token.INTERSECT:
        // SQLite refuses an ORDER BY or LIMIT in front of a set operator: in parentheses it would mean something.
        if (frame.order >= 0 || frame.limit >= 0) return;
        frame.operators.push(i);
        break;
      case Token.ORDER:
        frame.order = i;
        break;
      case Token.LIMIT:
        frame.limit = i;
    }
  }
  while (frames.length) if (!close(i)) return;
  return { edits, firstTerm, needsBinary };
}
