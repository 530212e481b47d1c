import { isDosqlError } from '../errors/index.ts';
import { quoteStrictly } from '../sql/identifier.ts';
import { isAlias, isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Engine } from './engine.ts';
import { exactReturning, type IntegerMode, isSuspect, restoreIntegers, unreadable } from './integers.ts';
import type { Plan } from './plan.ts';
import { decodeRows, type SqlValue } from './values.ts';

/** RETURNING whose numbers may be rounded: undone and run again with the exact texts appended. */
export function undoable(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  mode: IntegerMode,
): unknown[][] {
  const suspect = new Set<number>();
  const undo = new Error();
  try {
    return engine.transactionSync(() => {
      const rows = engine.exec(plan.sql, plan, values);
      engine.touch(plan);
      if (!decodeRows(rows)) return rows;
      for (const row of rows) for (let c = 0; c < row.length; c++) if (isSuspect(row[c])) suspect.add(c);
      if (suspect.size > 0) throw undo;
      return rows;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  const { names } = engine;
  return engine.transactionSync(() => {
    const columns = [...suspect];
    const wide = withExact(engine, plan, values, names, columns);
    engine.touch(plan);
    const rows = wide.map((row) => row.slice(0, names.length));
    decodeRows(rows);
    engine.names = names;
    const exact = wide.map((row) => {
      const texts: unknown[] = [];
      columns.forEach((column, i) => {
        texts[column] = row[names.length + i];
      });
      return texts;
    });
    restoreIntegers(rows, exact, names, mode, plan.sql);
    return rows;
  });
}

function withExact(
  engine: Engine,
  plan: Plan,
  values: readonly SqlValue[],
  names: readonly string[],
  columns: readonly number[],
): unknown[][] {
  const returned = expressions(plan.sql, names);
  if (!returned) throw unreadable(names, plan.sql);
  const again = exactReturning(
    plan.sql,
    columns.map((column) => returned[column] as string),
  );
  try {
    return engine.exec(again, plan, values);
  } catch (error) {
    // What looked like an alias was none.
    throw isDosqlError(error, 'NO_SUCH_COLUMN') || isDosqlError(error, 'SYNTAX_ERROR')
      ? unreadable(names, plan.sql)
      : error;
  }
}

/** What RETURNING gives, column by column and without aliases; undefined where that cannot be told. */
function expressions(sql: string, names: readonly string[]): string[] | undefined {
  const t = tokenize(sql);
  let end = t.length;
  while (t[end - 3] === Token.SEMICOLON) end -= 3;
  const found: (string | undefined)[] = [];
  let depth = 0;
  for (let i = end - 3, last = end; i > 0; i -= 3) {
    const kind = t[i]!;
    // Said twice, a parameter would be another one.
    if (kind === Token.PARAMETER) return undefined;
    if (kind === Token.RIGHT_PAREN) depth++;
    if (kind === Token.LEFT_PAREN) depth--;
    if (depth > 0 || (kind !== Token.COMMA && kind !== Token.RETURNING)) continue;
    found.unshift(expression(sql, t, i + 3, last));
    last = i;
    if (kind === Token.COMMA) continue;
    const star = found.indexOf(undefined);
    const own = names.slice(star, star + names.length - found.length + 1);
    if (star >= 0) found.splice(star, 1, ...own.map(quoteStrictly));
    return found.length === names.length ? (found as string[]) : undefined;
  }
  return undefined;
}

/** The result column of tokens `from` to `to` without its alias; undefined for `*`. */
function expression(sql: string, t: Int32Array, from: number, to: number): string | undefined {
  if (t[from] === Token.STAR) return undefined;
  let end = to;
  if (t[to - 6] === Token.AS && to - 6 > from) end -= 6;
  // An operand in front of a name: the name is an alias.
  else if (isAlias(t[to - 3]!) && t[to - 3] !== Token.END && to - 3 > from && isOperand(t[to - 6]!)) end -= 3;
  return `(${sql.slice(t[from + 1], t[end - 1])})`;
}

function isOperand(kind: number): boolean {
  return isName(kind) || [Token.NUMBER, Token.BLOB, Token.RIGHT_PAREN].includes(kind);
}
