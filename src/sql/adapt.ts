import { nestCompounds } from './compound.ts';
import { applyEdits, type Edit } from './edit.ts';
import { byteLength, jsonLiteral, type SqlValue, sqlLiteral } from './literal.ts';
import { type Run, splitRows } from './rows.ts';
import { Token } from './token.ts';
import { type Tokens, tokenize } from './tokenizer.ts';
import type { ParameterToken, Statement } from './types.ts';

/** workerd: bound parameters, bytes of SQL text, terms of a compound SELECT, bytes of a string. */
export const MAX_PARAMETERS = 100;
export const MAX_SQL_BYTES = 100_000;
export const MAX_COMPOUND_TERMS = 5;
const MAX_STRING_BYTES = 2_000_000;

/** What to run so that a statement beyond the platform's limits means the same, or which limit stands in the way. */
export type Adaptation =
  | {
      /** In this order, in one transaction when there are several. The rows they return are the statement's. */
      readonly runs: readonly Run[];
      /** Foreign keys between rows of the one statement would have been checked at its end, not after each run. */
      readonly deferForeignKeys: boolean;
      /** Returns no row, but the statement's own column names: those of the run differ where names repeat. */
      readonly columns?: Run;
      /**
       * A nested UNION, EXCEPT or INTERSECT begins with an expression, which has no collation: in the original a later
       * term would give it, in the nested text not. So this is exact only while no table declares a COLLATE other than
       * BINARY (the statement itself writes none).
       */
      readonly needsBinary: boolean;
    }
  | { readonly limit: Limit };

/** A limit of the platform that a statement exceeds. */
export interface Limit {
  readonly name: 'bound parameters' | 'bytes of SQL text' | 'compound SELECT terms';
  readonly limit: number;
  readonly actual: number;
}

/** False when the statement is within the platform's limits and {@link adapt} has nothing to do. */
export function exceedsLimits({ sql, parameterCount, compoundTerms }: Statement): boolean {
  return (
    parameterCount > MAX_PARAMETERS ||
    compoundTerms > MAX_COMPOUND_TERMS ||
    // UTF-8 takes at most three bytes per code unit.
    (sql.length * 3 > MAX_SQL_BYTES && byteLength(sql) > MAX_SQL_BYTES)
  );
}

/** Plans how to run one statement within the platform's limits. `values` are in binding order, one per parameter. */
export function adapt(statement: Statement, values: readonly SqlValue[]): Adaptation {
  const { sql, compoundTerms } = statement;
  const t = tokenize(sql);
  if (statement.kind === 'write' && compoundTerms <= MAX_COMPOUND_TERMS) {
    const runs = splitRows(sql, t, values, MAX_PARAMETERS, MAX_SQL_BYTES);
    if (runs) return { runs, deferForeignKeys: runs.length > 1, needsBinary: false };
  }
  let edits: readonly Edit[] = [];
  let columns: Run | undefined;
  let needsBinary = false;
  const parameters = statement.parameters;
  if (compoundTerms > MAX_COMPOUND_TERMS) {
    // A stored view or trigger would keep the nested text.
    const nesting = statement.kind === 'ddl' ? undefined : nestCompounds(statement, t, MAX_COMPOUND_TERMS);
    if (!nesting || (nesting.needsBinary && /\bcollate\b/i.test(sql))) {
      return { limit: { name: 'compound SELECT terms', limit: MAX_COMPOUND_TERMS, actual: compoundTerms } };
    }
    ({ edits, needsBinary } = nesting);
    const end = nesting.firstTerm;
    if (end && statement.verb === 'SELECT') {
      // The opening of the outermost compound is the last edit; those inside the first term come before.
      const own = edits.slice(0, -1).filter((edit) => edit.start < end);
      const before = parameters.filter((parameter) => parameter.end <= end);
      const run = bind(`${sql.slice(0, end)} LIMIT 0`, t, own, before, values);
      if ('limit' in run) return run;
      columns = run;
    }
  }
  const run = bind(sql, t, edits, parameters, values);
  if ('limit' in run) return run;
  return { runs: [run], deferForeignKeys: false, needsBinary, ...(columns && { columns }) };
}

/** Where the new text needs a value: a parameter that stays, or the JSON of a list. */
interface Slot {
  readonly start: number;
  readonly end: number;
  /** Index into the values, then into the lists; equal keys share a number. */
  readonly key: number;
}

/** `sql` with `edits`, and at most MAX_PARAMETERS values bound: IN lists become JSON, then small values literals. */
function bind(
  sql: string,
  t: Tokens,
  edits: readonly Edit[],
  parameters: readonly ParameterToken[],
  values: readonly SqlValue[],
): Run | { limit: Limit } {
  const bound = [...values];
  const slots: Slot[] = parameters.map(({ start, end, index }) => ({ start, end, key: index - 1 }));
  const keys = () => new Set(slots.map((slot) => slot.key));
  const needed = keys().size;
  const all: Edit[] = [...edits];
  /** What stands for a key: a literal, or the parameter that it shares. */
  const texts = new Map<number, string>();
  let run = values;

  if (needed > MAX_PARAMETERS) {
    for (const { start, end } of parameterLists(t)) {
      if (keys().size <= MAX_PARAMETERS) break;
      const items = slots.filter((slot) => slot.start > start && slot.end < end);
      const json = items.map((slot) => jsonLiteral(bound[slot.key]!));
      const text = `[${json.join()}]`;
      if (!items.length || json.includes(undefined) || byteLength(text) > MAX_STRING_BYTES) continue;
      slots.splice(slots.indexOf(items[0]!), items.length, { start, end, key: bound.push(text) - 1 });
    }
    const left = keys();
    if (left.size > MAX_PARAMETERS) {
      for (const key of left) {
        const value = bound[key]!;
        // A bare integer in ORDER BY or GROUP BY is a column number.
        texts.set(key, ` ${typeof value === 'bigint' ? `(0+${sqlLiteral(value)})` : sqlLiteral(value)} `);
      }
      // A result column without an alias is named by its text: its values stay bound as long as others can go.
      const from = fromClause(t);
      const named = new Set(slots.filter((slot) => slot.start < from).map((slot) => slot.key));
      const rank = (key: number) => texts.get(key)!.length + (named.has(key) ? MAX_SQL_BYTES : 0);
      const heaviest = [...left].sort((a, b) => rank(b) - rank(a));
      for (const key of heaviest.slice(0, MAX_PARAMETERS)) texts.delete(key);
    }
  }
  if (needed > MAX_PARAMETERS || values.length > MAX_PARAMETERS || parameters.length !== values.length) {
    const anonymous = parameters.every((p) => p.end === p.start + 1);
    const next: SqlValue[] = [];
    for (const { key, start, end } of slots) {
      let text = texts.get(key);
      if (text === undefined) {
        const number = next.push(bound[key]!);
        text = anonymous ? '?' : `?${number}`;
        if (key >= values.length) text = `(SELECT value FROM json_each(${text}))`;
        texts.set(key, text);
      }
      all.push({ start, end, text });
    }
    run = next;
  }
  const text = applyEdits(sql, all);
  const bytes = byteLength(text);
  if (bytes <= MAX_SQL_BYTES) return { sql: text, values: run };
  return {
    limit:
      needed > MAX_PARAMETERS
        ? { name: 'bound parameters', limit: MAX_PARAMETERS, actual: needed }
        : { name: 'bytes of SQL text', limit: MAX_SQL_BYTES, actual: bytes },
  };
}

/** Start of the outermost FROM; 0 without one. */
function fromClause(t: Tokens): number {
  for (let i = 0, depth = 0; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN) depth--;
    else if (t[i] === Token.FROM && !depth) return t[i + 1]!;
  }
  return 0;
}

/** The lists `IN (?, ?, ..)` of nothing but parameters, the longest first. */
function parameterLists(t: Tokens): { start: number; end: number }[] {
  const lists = [];
  for (let i = 0; i < t.length; i += 3) {
    if (t[i] !== Token.IN || t[i + 3] !== Token.LEFT_PAREN) continue;
    let j = i + 6;
    while (t[j] === Token.PARAMETER && t[j + 3] === Token.COMMA) j += 6;
    if (t[j] === Token.PARAMETER && t[j + 3] === Token.RIGHT_PAREN) {
      lists.push({ start: t[i + 4]!, end: t[j + 5]!, size: j - i });
    }
  }
  return lists.sort((a, b) => b.size - a.size);
}
