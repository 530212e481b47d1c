import { analyze } from '../sql/analyze.ts';
import { applyEdits, type Edit } from '../sql/edit.ts';
import { foldName, nameAt, unquoteIdentifier } from '../sql/identifier.ts';
import { splitStatements } from '../sql/split.ts';
import { isName, Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Statement } from '../sql/types.ts';

/** What a statement that came over the wire is, before anybody's rights are looked at. */
export interface Inspection {
  /** The text to run: introspection in it sees no internal table. */
  readonly sql: string;
  readonly access: 'read' | 'write' | 'schema';
  /** Every name in it that could be a table's, folded. */
  readonly names: ReadonlySet<string>;
  /** The tables and functions that it reads or writes, folded; `pragma_…` and SQLite's own among them. */
  readonly tables: readonly string[];
  /** Why it is refused, whoever asks. */
  readonly refusal?: readonly [
    code: 'EMPTY_STATEMENT' | 'MULTIPLE_STATEMENTS' | 'NOT_AUTHORIZED' | 'SYNTAX_ERROR',
    reason: string,
  ];
}

const INTERNAL = /^(_dosql_|__miniflare_|_cf_)/;
/** In stored text a name may hide in a string, `fts5(x, content='…')`; and FTS5 names its tables `<name>_…`. */
const HIDDEN_ANYWHERE = /(?<!\w)((_dosql|__miniflare|_cf)(_|(?!\w))|sqlite_|pragma_)/i;
const CATALOG = /^sqlite_(master|schema|sequence)$/;
/** Pragmas that only read; the ones with true take an argument. */
const READERS: Readonly<Record<string, boolean>> = {
  table_list: false,
  foreign_keys: false,
  foreign_key_check: false,
  table_info: true,
  table_xinfo: true,
  index_list: true,
  index_info: true,
  index_xinfo: true,
  foreign_key_list: true,
};

/** The condition that the name in column or expression `x` is no internal table, index or trigger. */
function visible(x: string): string {
  return ['_dosql_*', '__miniflare_*', '_cf_*', 'sqlite_autoindex__dosql_*']
    .map((pattern) => `${x} NOT GLOB '${pattern}'`)
    .join(' AND ');
}

/** `PRAGMA foreign_keys = …`: what it would do is done where tables are rebuilt; anywhere else it has no effect. */
export function isForeignKeys(sql: string): boolean {
  return /^\s*pragma\s+foreign_keys\s*[=(]/i.test(sql);
}

/** Inspects one statement. Pure: the same text always gives the same. */
export function inspect(sql: string): Inspection {
  const spans = splitStatements(sql);
  const names = new Set<string>();
  const refuse = (
    reason: string,
    code: NonNullable<Inspection['refusal']>[0] = 'NOT_AUTHORIZED',
  ): Inspection => ({
    sql,
    access: 'schema',
    names,
    tables: [],
    refusal: [code, reason],
  });
  if (spans.length === 0) return refuse('The SQL text holds no statement.', 'EMPTY_STATEMENT');
  if (spans.length > 1) return refuse('One statement per call; send a batch.', 'MULTIPLE_STATEMENTS');
  const text = sql.slice(spans[0]!.start, spans[0]!.end);
  const statement = analyze(text);
  const { kind, pragma } = statement;
  if (pragma) {
    const select = readingPragma(text);
    return select ? inspect(select) : refuse('This PRAGMA is not available over the wire.');
  }
  if (kind === 'other' || kind === 'transaction')
    return /^(attach|detach|vacuum|begin|commit|end|rollback|savepoint|release)$/i.test(statement.verb)
      ? refuse(`${statement.verb} is not available over the wire.`)
      : refuse('This is no statement of SQL.', 'SYNTAX_ERROR');
  if (kind === 'ddl') {
    if (HIDDEN_ANYWHERE.test(text) || scan(text, tokenize(text), undefined, names))
      return refuse('It names an internal table.');
    return { sql: text, access: 'schema', names, tables: [] };
  }
  const t = tokenize(text);
  const edits: Edit[] = [];
  const seen = new Set<number>();
  const failure = shadow(t, statement, edits, seen) ?? scan(text, t, seen, names);
  if (failure) return refuse(failure);
  const tables = statement.tables.flatMap(({ name, cte }) => (cte ? [] : foldName(name)));
  return { sql: applyEdits(text, edits), access: kind === 'read' ? kind : 'write', names, tables };
}

/** Collects the names, and says which of them nobody may use; without `seen`, in DDL, every string may be one. */
function scan(
  text: string,
  t: Int32Array,
  seen: ReadonlySet<number> | undefined,
  names: Set<string>,
): string | undefined {
  for (let i = 0; i < t.length; i += 3) {
    const kind = t[i]!;
    if (!isName(kind)) continue;
    // A string that something is compared with is a value; elsewhere SQLite may take it for a table.
    if (seen && kind === Token.STRING && isComparison(text, t, i - 3)) continue;
    const name = nameAt(text, t, i);
    names.add(name);
    if (INTERNAL.test(name)) return `${name} is internal.`;
    // As a qualifier of a column it is followed by a dot.
    if (/^(sqlite|pragma)_/.test(name) && !seen?.has(t[i + 1]!) && t[i + 3] !== Token.DOT)
      return `${name} cannot be used here.`;
  }
  return undefined;
}

function isComparison(text: string, t: Int32Array, i: number): boolean {
  return (
    t[i] === Token.EQUALS ||
    t[i] === Token.OPERATOR ||
    (t[i] === Token.WORD && /^(like|glob)$/i.test(text.slice(t[i + 1], t[i + 2])))
  );
}

/** Puts what is visible of SQLite's own tables in their place. Says why where that cannot be done. */
function shadow(t: Int32Array, statement: Statement, edits: Edit[], seen: Set<number>): string | undefined {
  let first = 0;
  for (const { name, start, end, alias, cte, call, role } of statement.tables) {
    const folded = foldName(name);
    if (cte) continue;
    const reader = /^pragma_(.+)$/.exec(folded)?.[1];
    const catalog = CATALOG.test(folded);
    if (!catalog && reader === undefined) continue;
    if (role === 'write') return `${name} cannot be changed.`;
    if (t[first + 1]! > start) first = 0;
    while (t[first + 1]! < start) first += 3;
    let i = first;
    while (t[i + 2]! < end) i += 3;
    // The name itself, behind `main.`.
    seen.add(t[i + 1]!);
    const open = i + 3;
    let close = open;
    if (call) {
      for (let depth = 0; close < t.length; close += 3) {
        if (t[close] === Token.LEFT_PAREN) depth++;
        else if (t[close] === Token.RIGHT_PAREN && --depth === 0) break;
      }
    }
    const as = alias !== undefined || t[first - 3] === Token.IN ? '' : ` AS ${name}`;
    const whole = (what: string, condition: string) =>
      edits.push({
        start,
        end: call ? t[close + 2]! : end,
        text: `(SELECT * FROM ${what} WHERE ${condition})${as}`,
      });
    if (catalog) {
      if (call) return `${name} is no function.`;
      // A trigger of ours stands on a table of the user's.
      whole(
        folded,
        folded === 'sqlite_sequence' ? visible('name') : `${visible('tbl_name')} AND ${visible('name')}`,
      );
      continue;
    }
    const takes = READERS[reader!];
    if (takes === undefined) return `${name} is not available over the wire.`;
    if (!takes) {
      if (close > open + 3) return `${name} takes no argument here.`;
      if (folded === 'pragma_table_list') whole('pragma_table_list', visible('name'));
      continue;
    }
    if (!call) return `${name} needs its argument in parentheses.`;
    let comma = open + 3;
    for (let depth = 0; comma < close && (depth > 0 || t[comma] !== Token.COMMA); comma += 3) {
      if (t[comma] === Token.LEFT_PAREN) depth++;
      else if (t[comma] === Token.RIGHT_PAREN) depth--;
    }
    if (comma === open + 3) return `${name} needs an argument.`;
    edits.push({ start: t[open + 2]!, end: t[open + 2]!, text: '(SELECT a FROM (SELECT ' });
    edits.push({ start: t[comma - 1]!, end: t[comma - 1]!, text: ` AS a) WHERE ${visible('a')})` });
  }
  return undefined;
}

/** `PRAGMA table_info(t)` as a SELECT; undefined for a pragma that does anything but read. */
function readingPragma(text: string): string | undefined {
  const t = tokenize(text);
  const word = (i: number) => text.slice(t[i + 1], t[i + 2]);
  // EXPLAIN does not keep SQLite from carrying it out.
  if (!/^pragma$/i.test(word(0))) return undefined;
  const at = t[6] === Token.DOT ? 9 : 3;
  const name = foldName(unquoteIdentifier(word(at)));
  const takes = READERS[name];
  const given = t[at + 3];
  if (takes === undefined || (given !== undefined) !== takes) return undefined;
  if (!takes) return `SELECT * FROM pragma_${name}`;
  const end = given === Token.LEFT_PAREN ? at + 9 : at + 6;
  if ((given !== Token.LEFT_PAREN && given !== Token.EQUALS) || !isName(t[at + 6]!)) return undefined;
  if (given === Token.LEFT_PAREN && t[end] !== Token.RIGHT_PAREN) return undefined;
  if (t.length > end + 3) return undefined;
  return `SELECT * FROM pragma_${name}('${unquoteIdentifier(word(at + 6)).replaceAll("'", "''")}')`;
}
