import { applyEdits, type Edit } from '../sql/edit.ts';
import { nameAt, quoteStrictly, unquoteIdentifier } from '../sql/identifier.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';

/**
 * `INSERT INTO x ("a", "b") SELECT "a", "b" FROM y` with the selected columns in backticks. SQLite takes an unknown name
 * in double quotes for a string: drizzle-kit 0.31 copies columns that the old table does not have (added or renamed
 * in the same migration), and every row would get the column's name for a value. In backticks it is an error.
 */
export function strictCopy(sql: string): string {
  const t = tokenize(sql);
  const name = (i: number) => nameAt(sql, t, i);
  if (t[0] !== Token.INSERT) return sql;
  const columns: string[] = [];
  let i = 0;
  while (i < t.length && t[i] !== Token.LEFT_PAREN) i += 3;
  for (i += 3; i < t.length && t[i] !== Token.RIGHT_PAREN; i += 3)
    if (t[i] !== Token.COMMA) columns.push(name(i));
  i += 3;
  if (t[i] !== Token.SELECT) return sql;
  const edits: Edit[] = [];
  for (let depth = 0, k = 0, start = i; i < t.length && (depth || t[i] !== Token.FROM); i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN) depth--;
    else if (t[i] === Token.COMMA && !depth) [k, start] = [k + 1, i];
    const next = t[i + 3];
    const alone = start === i - 3 && (next === Token.COMMA || next === Token.FROM);
    if (!alone || t[i] !== Token.NAME || sql[t[i + 1]!] !== '"' || name(i) !== columns[k]) continue;
    const span = { start: t[i + 1]!, end: t[i + 2]! };
    edits.push({ ...span, text: quoteStrictly(unquoteIdentifier(sql.slice(span.start, span.end))) });
  }
  return applyEdits(sql, edits);
}
