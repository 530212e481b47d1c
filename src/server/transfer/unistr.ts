import { DosqlError } from '../../errors/index.ts';
import { applyEdits, type Edit } from '../../sql/edit.ts';
import { nameAt } from '../../sql/identifier.ts';
import { sqlLiteral } from '../../sql/literal.ts';
import { Token } from '../../sql/token.ts';
import { tokenize } from '../../sql/tokenizer.ts';

const ESCAPE = /\\(?:(\\)|u?([\da-fA-F]{4})|\+([\da-fA-F]{6})|U([\da-fA-F]{8})|)/g;

/**
 * The statement with texts in the place of `unistr('…')`: SQLite's command line writes control characters so since 3.50,
 * and the platform does not know the function. @throws INVALID_ARGUMENT for an escape that is none
 */
export function withoutUnistr(sql: string): string {
  if (!/unistr/i.test(sql)) return sql;
  const t = tokenize(sql);
  const edits: Edit[] = [];
  for (let i = 0; i < t.length; i += 3) {
    if (t[i] !== Token.WORD || nameAt(sql, t, i) !== 'unistr') continue;
    if (t[i + 3] !== Token.LEFT_PAREN || t[i + 6] !== Token.STRING || t[i + 9] !== Token.RIGHT_PAREN)
      continue;
    const text = sql.slice(t[i + 7]! + 1, t[i + 8]! - 1).replaceAll("''", "'");
    edits.push({ start: t[i + 1]!, end: t[i + 11]!, text: sqlLiteral(unescaped(text)) });
  }
  return applyEdits(sql, edits);
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, backslash?: string, ...hex: (string | undefined)[]) => {
    const code = Number.parseInt(hex.slice(0, 3).join(''), 16);
    if (backslash) return backslash;
    if (code <= 0x10ffff) return String.fromCodePoint(code);
    throw new DosqlError('INVALID_ARGUMENT', 'unistr() is given an escape that is none.');
  });
}
