import { applyEdits, type Edit } from '../sql/edit.ts';
import { foldName, quoteIdentifier, unquoteIdentifier } from '../sql/identifier.ts';
import { isName, Token } from '../sql/token.ts';
import type { Tokens } from '../sql/tokenizer.ts';
import type { RelationColumn } from './provider.ts';

/**
 * A SELECT over one relation as partial aggregates that are combined later. `partial` reads the relation under its own
 * name; `merge` and `final` read partial rows under the name `_dosql_p`. A partial row has the columns below, and behind
 * them the first letters of their types as one text.
 */
export interface Aggregation {
  readonly partial: string;
  /** Partial rows made of partial rows: those of one group become one. */
  readonly merge: string;
  /** The rows of the statement. */
  readonly final: string;
  /** Keys, which keep affinity and collation of the relation's columns, and aggregates. */
  readonly columns: readonly RelationColumn[];
}

type Span = readonly [from: number, to: number];
type Whole = (first: string, second: string) => string;

/** What an aggregate is made of in part, how parts merge, and the whole of all parts. */
const AGGREGATES: Readonly<Record<string, readonly [parts: string, merges: string, whole: Whole]>> = {
  count: ['count', 'sum', (n) => `coalesce(sum(${n}),0)`],
  sum: ['sum', 'sum', (s) => `sum(${s})`],
  total: ['total', 'total', (s) => `total(${s})`],
  min: ['min', 'min', (m) => `min(${m})`],
  max: ['max', 'max', (m) => `max(${m})`],
  // Never sum/sum, which divides integers; NULL when nothing was counted.
  avg: ['total count', 'total sum', (s, n) => `(total(${s})/nullif(sum(${n}),0))`],
};

/** What needs all rows at once, or may differ from one reading to the next. */
const REFUSED =
  /\b(group_concat|string_agg|jsonb?_group_\w+|median|percentile\w*|random\w*|changes|total_changes|last_insert_rowid|current_\w+|rowid|_rowid_|oid|over|exists)\b|'now'|\b(date|time|datetime|julianday|unixepoch)\s*\(\s*\)/i;
/** Words that stand between two operands: what follows is no alias. */
const INFIX =
  /^(is|and|like|glob|match|regexp|collate|escape|between|when|then|else|case|isnull|notnull|null)$/;
const CLAUSES: readonly number[] = [
  Token.FROM,
  Token.WHERE,
  Token.GROUP,
  Token.HAVING,
  Token.ORDER,
  Token.LIMIT,
];

/**
 * Splits a statement whose parameters are numbered and whose only table is the relation with these columns. Undefined
 * where a part is not understood, or where combining would not give SQLite's own result.
 */
export function decompose(
  sql: string,
  t: Tokens,
  columns: readonly RelationColumn[],
): Aggregation | undefined {
  if (t[0] !== Token.SELECT || REFUSED.test(sql)) return undefined;
  const text = ([from, to]: Span) => sql.slice(t[from + 1], t[to - 1]);
  const word = (i: number) =>
    isName(t[i]!) && t[i] !== Token.STRING ? foldName(unquoteIdentifier(text([i, i + 3]))) : '';
  const spans = clausesOf(t);
  const list = spans?.[Token.SELECT];
  const source = spans?.[Token.FROM];
  if (!spans || !list || !source) return undefined;
  const byName = new Map(columns.map((column) => [foldName(column.name), column]));
  const collates = columns.some(({ collate }) => collate) || /\bcollate\b/i.test(sql);

  const columnAt = (i: number, to: number) =>
    to - i === 3
      ? byName.get(word(i))
      : to - i === 9 && t[i + 3] === Token.DOT
        ? byName.get(word(i + 6))
        : undefined;
  const same = (a: Span, i: number, end: number) => {
    const size = a[1] - a[0];
    if (i + size > end) return false;
    for (let k = 0; k < size; k += 3) {
      const name = word(a[0] + k);
      if (name ? name !== word(i + k) : text([a[0] + k, a[0] + k + 3]) !== text([i + k, i + k + 3]))
        return false;
    }
    return true;
  };

  const items = termsOf(t, list).map(([from, to]) => {
    const explicit = to - from > 6 && t[to - 6] === Token.AS;
    const before = t[to - 6]!;
    const operand =
      before === Token.RIGHT_PAREN || before === Token.END || (before > 0 && before <= Token.PARAMETER);
    const implicit =
      to - from > 3 &&
      isName(t[to - 3]!) &&
      operand &&
      !INFIX.test(word(to - 6)) &&
      t[to - 3] !== Token.END &&
      !INFIX.test(word(to - 3));
    const expression: Span = [from, to - (explicit ? 6 : implicit ? 3 : 0)];
    const alias = explicit || implicit ? unquoteIdentifier(text([to - 3, to])) : undefined;
    return { expression, alias, name: alias ?? columnAt(...expression)?.name ?? text(expression) };
  });
  const aliased = (i: number) =>
    items.find(({ alias }) => alias !== undefined && foldName(alias) === word(i));

  const keys: Span[] = [];
  for (const term of termsOf(t, spans[Token.GROUP])) {
    const [from, to] = term;
    let key = term;
    if (to - from === 3 && !byName.has(word(from))) {
      const item = t[from] === Token.NUMBER ? items[Number(text(term)) - 1] : aliased(from);
      if (t[from] === Token.NUMBER && !item) return undefined;
      if (item) key = item.expression;
    }
    // Only a column and CAST have an affinity, only a column and COLLATE a collation.
    if (!columnAt(...key) && (collates || /\bcast\b/i.test(text(key)))) return undefined;
    keys.push(key);
  }

  const partials: string[] = [];
  const merges: string[] = [];
  const collations: (string | undefined)[] = [];
  let failed = false;
  /** The aggregate at token `i`, as an edit, and the token behind it. */
  const aggregate = (i: number, [parts, how, whole]: (typeof AGGREGATES)[string], name: string) => {
    const close = closing(t, i + 3);
    const next = word(close + 3) === 'filter' ? closing(t, close + 6) + 3 : close + 3;
    const inner: Span = [i + 6, close];
    const extreme = name === 'min' || name === 'max';
    const column = columnAt(...inner);
    if (/\b(distinct|order\s+by|(count|sum|total|avg|min|max)\s*\()/i.test(text([i + 6, next])))
      failed = true;
    if (extreme && !column && collates) failed = true;
    const merge = how.split(' ');
    const names = parts.split(' ').map((part, n) => {
      const piece = `${part}(${sql.slice(t[i + 4]! + 1, t[next - 1])}`;
      let at = partials.indexOf(piece);
      if (at < 0) {
        at = partials.push(piece) - 1;
        merges.push(merge[n]!);
        // On the column, not in the text: there it would also rule comparisons of the result.
        collations.push(extreme ? column?.collate : undefined);
      }
      return `_dosql_a${at}`;
    });
    return { next, text: whole(names[0]!, names[1]!) };
  };
  /** An expression over whole groups in terms of partial rows. */
  const combined = ([from, to]: Span): string => {
    const edits: Edit[] = [];
    const put = (i: number, next: number, piece: string) => {
      edits.push({ start: t[i + 1]!, end: t[next - 1]!, text: piece });
      return next;
    };
    const edge = (i: number) =>
      i < from ||
      i >= to ||
      t[i] === Token.COMMA ||
      t[i] === Token.LEFT_PAREN ||
      t[i] === Token.RIGHT_PAREN ||
      /^(a|de)sc$/.test(word(i));
    for (let i = from; i < to; ) {
      const name = word(i);
      const call = name !== '' && t[i + 3] === Token.LEFT_PAREN;
      const size = t[i + 3] === Token.DOT ? 9 : 3;
      const column = call ? undefined : columnAt(i, i + size);
      const key = keys.findIndex((one) =>
        column && columnAt(...one) === column
          ? true
          : same(one, i, to) && !columnAt(...one) && edge(i - 3) && edge(i + one[1] - one[0]),
      );
      const made = call && Object.hasOwn(AGGREGATES, name) ? AGGREGATES[name] : undefined;
      if (key >= 0) {
        const [a, b] = keys[key]!;
        i = put(i, i + (columnAt(a, b) ? size : b - a), `_dosql_k${key}`);
      } else if (made && (name[0] !== 'm' || termsOf(t, [i + 6, closing(t, i + 3)]).length === 1)) {
        const found = aggregate(i, made, name);
        i = put(i, found.next, found.text);
      } else {
        // A column outside of aggregates and keys; every column at once.
        if (column || (size === 9 && name) || (t[i] === Token.STAR && edge(i - 3))) failed = true;
        i += 3;
      }
    }
    const start = t[from + 1]!;
    return applyEdits(sql.slice(0, t[to - 1]), [{ start: 0, end: start, text: '' }, ...edits]);
  };

  const chosen = items.map(({ expression, name }) => `${combined(expression)} AS ${quoteIdentifier(name)}`);
  const having = spans[Token.HAVING];
  const limit = spans[Token.LIMIT];
  const where = spans[Token.WHERE];
  const order = termsOf(t, spans[Token.ORDER]).map((term) => {
    const lone = term[1] - term[0] === 3 || /^(asc|desc|nulls)$/.test(word(term[0] + 3));
    return lone && aliased(term[0]) ? text(term) : combined(term);
  });
  const after = `${having ? ` HAVING ${combined(having)}` : ''}${order.length ? ` ORDER BY ${order}` : ''}${limit ? ` LIMIT ${text(limit)}` : ''}`;
  if (failed || keys.length + partials.length === 0) return undefined;

  const keyNames = keys.map((_, k) => `_dosql_k${k}`);
  const names = [...keyNames, ...partials.map((_, p) => `_dosql_a${p}`)];
  const group = (by: readonly (string | number)[]) => (by.length ? ` GROUP BY ${by}` : '');
  const rows = (expressions: readonly string[], from: string) =>
    `SELECT *,${names.map((name) => `substr(typeof(${name}),1,1)`).join('||')} FROM(SELECT ${expressions.map((one, n) => `${one} ${names[n]}`)} FROM ${from})`;
  return {
    partial: rows(
      [...keys.map(text), ...partials],
      `${text(source)}${where ? ` WHERE ${text(where)}` : ''}${group(keys.map((_, k) => k + 1))}`,
    ),
    merge: rows(
      [...keyNames, ...merges.map((how, p) => `${how}(_dosql_a${p})`)],
      `_dosql_p${group(keyNames)}`,
    ),
    final: `SELECT ${chosen} FROM _dosql_p${group(keyNames)}${after}`,
    columns: names.map((name, n) => {
      const column = keys[n] && columnAt(...keys[n]);
      const collate = column ? column.collate : collations[n - keys.length];
      return { name, affinity: column?.affinity ?? '', ...(collate && { collate }) };
    }),
  };
}

/** The clauses of a single SELECT, each from the token behind its keyword; undefined for anything more. */
function clausesOf(t: Tokens): Partial<Record<number, Span>> | undefined {
  const spans: Partial<Record<number, Span>> = {};
  let clause: number = Token.SELECT;
  let from = 3;
  let depth = 0;
  let i = 3;
  for (; i < t.length && t[i] !== Token.SEMICOLON; i += 3) {
    const kind = t[i]!;
    if (kind === Token.LEFT_PAREN) depth++;
    else if (kind === Token.RIGHT_PAREN) depth--;
    else if (kind === Token.SELECT || kind === Token.WINDOW || kind === Token.VALUES) return undefined;
    else if (depth > 0) continue;
    else if (
      kind === Token.DISTINCT ||
      kind === Token.JOIN ||
      (kind >= Token.UNION && kind <= Token.INTERSECT)
    )
      return undefined;
    else if (CLAUSES.includes(kind)) {
      spans[clause] = [from, i];
      clause = kind;
      from = kind === Token.GROUP || kind === Token.ORDER ? i + 6 : i + 3;
    }
  }
  spans[clause] = [from, i];
  return spans;
}

/** The terms between the commas of a clause. */
function termsOf(t: Tokens, span: Span | undefined): Span[] {
  const found: Span[] = [];
  if (!span) return found;
  let [start] = span;
  let depth = 0;
  for (let i = start; i <= span[1]; i += 3) {
    if (i === span[1] || (t[i] === Token.COMMA && depth === 0)) {
      found.push([start, i]);
      start = i + 3;
    } else if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN) depth--;
  }
  return found;
}

/** The token that closes the parenthesis which token `i` opens. */
function closing(t: Tokens, i: number): number {
  let depth = 0;
  for (; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN && --depth === 0) break;
  }
  return i;
}
