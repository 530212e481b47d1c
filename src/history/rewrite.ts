import { DosqlError } from '../errors/index.ts';
import { analyze } from '../sql/analyze.ts';
import { applyEdits, type Edit } from '../sql/edit.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { numberParameters } from '../sql/parameters.ts';
import { Token } from '../sql/token.ts';
import { type Tokens, tokenize } from '../sql/tokenizer.ts';
import type { ParameterToken, TableReference } from '../sql/types.ts';
import { trackedTable } from '../wal/api.ts';
import { requireHistory } from '../wal/instant.ts';
import { type LogSource, rowsAt } from '../wal/past.ts';
import type { LogStore } from '../wal/store.ts';
import type { TrackedTable } from '../wal/table.ts';
import { type Clause, findClauses } from './clause.ts';
import { boundsOf, type Source } from './points.ts';
import { checkScopes } from './scopes.ts';
import { versionsOf } from './versions.ts';

/** A statement about the past: its text as SQLite runs it, and the values behind the caller's. */
export interface Rewritten {
  readonly sql: string;
  /** The LSNs to bind behind the caller's values. @throws HISTORY_UNAVAILABLE, INVALID_ARGUMENT */
  bounds(values: readonly unknown[], lsn: number): number[];
  /** Column names as the caller's text has them. */
  names(names: readonly string[]): readonly string[];
  /** It only shows a plan. */
  readonly explains: boolean;
  /** Tables of the database it may open, folded. */
  readonly tables: ReadonlySet<string>;
}

const refuse = (
  code: 'UNSUPPORTED_STATEMENT' | 'READ_ONLY' | 'SYNTAX_ERROR',
  message: string,
  statement: string,
  table?: string,
) => new DosqlError(code, message, { statement, table });

/**
 * Puts the past in the place of tables: of those with a clause, and with `all` of every other one at one LSN, which is then
 * the last of the bounds. @throws TABLE_NOT_TRACKED, READ_ONLY, UNSUPPORTED_STATEMENT, SYNTAX_ERROR
 */
export function rewritePast(store: LogStore, sql: string, all: boolean): Rewritten {
  const clauses = findClauses(sql);
  let plain = sql;
  for (const { start, end } of clauses)
    plain = plain.slice(0, start) + ' '.repeat(end - start) + plain.slice(end);
  const { tables, kind, verb, returning } = analyze(plain);
  if (all && kind !== 'read') throw refuse('READ_ONLY', 'db.asOf(…) only reads.', sql);
  const marks: ParameterToken[] = [];
  const tokens = tokenize(sql);
  const count = numberParameters(sql, tokens, 0, tokens.length, marks);
  const rewriter = new Rewriter(store, { sql, marks }, count);
  const edits: Edit[] = [];
  const placed = new Set<Clause>();
  const target = returning ? tables.find(({ role }) => role === 'write') : undefined;
  const plainTokens = tokenize(plain);
  const returns = target ? returningAt(plainTokens) : Infinity;
  const returnsWith = tables.some((reference) => reference.cte && reference.start > returns);
  const past = new Map<TableReference, TrackedTable>();
  for (const reference of tables) {
    const { name, cte, call, role } = reference;
    const clause = clauses.find(
      ({ start }) => reference.end <= start && tokenize(plain.slice(reference.end, start)).length === 0,
    );
    if (!clause && (!all || cte || call)) continue;
    if (clause) placed.add(clause);
    if (role === 'write') throw refuse('READ_ONLY', `The past of ${name} cannot be written.`, sql, name);
    if (cte || call) throw refuse('UNSUPPORTED_STATEMENT', `${name} has no past: it is no table.`, sql, name);
    const { start } = reference;
    const returned = start > returns || (returnsWith && start < target!.start);
    if (returned && foldName(name) === foldName(target!.name)) {
      // SQLite evaluates RETURNING before the triggers of its row, the capture of the log among them.
      throw refuse(
        'UNSUPPORTED_STATEMENT',
        `RETURNING cannot read the past of ${name}, which is being written.`,
        sql,
        name,
      );
    }
    const { end } = clause ?? reference;
    const text = rewriter.named(reference, clause, plain, plainTokens);
    const table = store.tables.get(foldName(name));
    if (table) past.set(reference, table);
    edits.push({ start, end, text: rewriter.replace(text, sql.slice(start, end)) });
  }
  checkScopes(plain, plainTokens, sql, tables, past);
  if (placed.size < clauses.length)
    throw refuse('SYNTAX_ERROR', 'FOR SYSTEM_TIME must stand right behind the name of a table.', sql);
  // A value of a clause is not part of the text any more: what follows keeps its number.
  for (const { start, end, index } of marks) {
    if (!clauses.some((clause) => clause.start <= start && end <= clause.end))
      edits.push({ start, end, text: `?${index}` });
  }
  const last = `?${rewriter.next}`;
  const numbered = (text: string) => text.replaceAll(LAST, last);
  return {
    sql: numbered(applyEdits(sql, edits)),
    tables: rewriter.tables,
    explains: verb === 'EXPLAIN',
    bounds: (values, lsn) => {
      const bound = rewriter.bounds.flatMap((resolve) => resolve(values, lsn));
      return rewriter.present ? [...bound, lsn] : bound;
    },
    names: (names) =>
      names.map((name) => {
        if (!/\?|_dosql_/.test(name) || isAlias(sql, name)) return name;
        let result = name;
        for (const [text, original] of rewriter.originals())
          result = result.replaceAll(numbered(text), original);
        return result.replace(/\?(\d+)/g, (mark, index) => {
          const token = marks.find((parameter) => parameter.index === Number(index));
          return token ? sql.slice(token.start, token.end) : mark;
        });
      }),
  };
}

/** The name is written out in quotes. */
function isAlias(sql: string, name: string): boolean {
  return ['""', "''", '``', '[]'].some(([open, close]) => sql.includes(`${open}${name}${close}`));
}

/** Where RETURNING begins. */
function returningAt(t: Tokens): number {
  let at = Infinity;
  for (let i = 0, depth = 0; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN) depth--;
    else if (depth === 0 && t[i] === Token.RETURNING) at = t[i + 1]!;
  }
  return at;
}

/** Index of the first token at or behind an offset. */
function tokenAt(t: Tokens, offset: number): number {
  let i = 0;
  while (t[i + 1]! < offset) i += 3;
  return i;
}

/** INDEXED BY or NOT INDEXED follow at `i`, which SQLite takes behind a table, but not behind a sub-select. */
function isIndexed(sql: string, t: Tokens, i: number, aliased: boolean): boolean {
  if (aliased) i += t[i] === Token.AS ? 6 : 3;
  const word = (n: number) => sql.slice(t[n + 1], t[n + 2]).toUpperCase();
  return word(i) === 'INDEXED' ? word(i + 3) === 'BY' : t[i] === Token.NOT && word(i + 3) === 'INDEXED';
}

/** Makes the sources that stand for the tables of one statement. */
class Rewriter {
  readonly tables = new Set<string>();
  /** A table is read at the LSN of the handle. */
  present = false;
  readonly #replaced = new Map<string, string>();
  readonly bounds: ((values: readonly unknown[], lsn: number) => number[])[] = [];
  /** Number of the next parameter. */
  next: number;
  readonly log: LogSource;

  constructor(
    readonly store: LogStore,
    readonly text: Source,
    count: number,
  ) {
    this.next = count + 1;
    const { from, keyIndex } = store;
    // Without a condition every row is read, and looking up each one in the index is slower than grouping the entries.
    this.log = { from, keyIndex: keyIndex && /\b(where|on|using)\b/i.test(text.sql) };
  }

  /** Notes what stands for what, so that it can be told from `text`, which is returned, what it was. */
  replace(text: string, original: string): string {
    const known = this.#replaced.get(text);
    const unique = known === undefined || known === original ? text : `${text}/*${this.#replaced.size}*/`;
    this.#replaced.set(unique, original);
    return unique;
  }

  /** What {@link replace} noted, the longest first: views hold the texts of their tables. */
  originals(): [text: string, original: string][] {
    return [...this.#replaced].sort(([a], [b]) => b.length - a.length);
  }

  /** The source under the name that the statement, whose tokens are `t`, calls it by. */
  named(reference: TableReference, clause: Clause | undefined, sql: string, t: Tokens): string {
    const { name, alias, start } = reference;
    const { end } = clause ?? reference;
    if (isIndexed(sql, t, tokenAt(t, end), alias !== undefined))
      throw refuse('UNSUPPORTED_STATEMENT', `The past of ${name} is not INDEXED.`, this.text.sql, name);
    const text = this.#source(reference, clause);
    // Behind IN a table has no alias.
    const inList = t[tokenAt(t, start) - 3] === Token.IN;
    return alias || inList ? text : `${text} AS ${quoteIdentifier(name)}`;
  }

  #source({ name, schema }: TableReference, clause: Clause | undefined): string {
    const { store, text } = this;
    const { sql } = text;
    if (schema !== undefined && foldName(schema) !== 'main')
      throw refuse('UNSUPPORTED_STATEMENT', `${schema}.${name} has no past.`, sql, name);
    const table = store.tables.get(foldName(name));
    if (!table || table.dropped) {
      const [view] = store.all(
        "SELECT sql FROM sqlite_master WHERE type='view' AND name=? COLLATE NOCASE",
        name,
      );
      if (view) {
        if (!clause) return this.#view(view[0] as string);
        throw refuse('UNSUPPORTED_STATEMENT', `${name} is a view: read it through db.asOf(…).`, sql, name);
      }
    }
    const found = trackedTable(store, name);
    this.tables.add(foldName(name));
    if (!clause) {
      this.present = true;
      this.bounds.push((_, lsn) => {
        requireHistory(store, trackedTable(store, name), lsn);
        return [];
      });
      // The LSN of the handle is bound behind everything else; its number is known at the end.
      return rowsAt(this.log, found, LAST);
    }
    const { form } = clause;
    const first = this.next;
    this.bounds.push((values) => boundsOf(store, trackedTable(store, name), text, clause, values));
    if (form === 'AS') {
      this.next += 1;
      return rowsAt(this.log, found, `?${first}`);
    }
    if (form === 'ALL') return versionsOf(store, found, '');
    this.next += 2;
    const [low, high] = [`?${first}`, `?${first + 1}`];
    return versionsOf(
      store,
      found,
      form === 'CONTAINED'
        ? ` AND _dosql_s>${low} AND _dosql_e<=${high}`
        : ` AND coalesce(_dosql_e,9e18)>${low} AND coalesce(_dosql_s,0)<=${high}`,
    );
  }

  /** The SELECT of a view with the past in the place of its tables. */
  #view(ddl: string): string {
    const t = tokenize(ddl);
    let i = 0;
    while (t[i] !== Token.AS && t[i] !== Token.LEFT_PAREN) i += 3;
    let columns = '';
    if (t[i] === Token.LEFT_PAREN) {
      const start = t[i + 1]!;
      while (t[i] !== Token.RIGHT_PAREN) i += 3;
      columns = ddl.slice(start, t[i + 2]);
      i += 3;
    }
    const body = ddl.slice(t[i + 2]);
    const inner = analyze(body);
    const bodyTokens = tokenize(body);
    const edits = inner.tables
      .filter((reference) => !reference.cte && !reference.call)
      .map((reference) => {
        const { start, end } = reference;
        const text = this.named(reference, undefined, body, bodyTokens);
        return { start, end, text: this.replace(text, body.slice(start, end)) };
      });
    const select = `${applyEdits(body, edits)}\n`;
    return columns ? `(WITH _dosql_w${columns} AS(${select})SELECT * FROM _dosql_w)` : `(${select})`;
  }
}

/** Stands for the LSN of a handle until its parameter's number is known. */
const LAST = '?\u0000';
