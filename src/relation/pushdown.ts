import { foldName, unquoteIdentifier } from '../sql/identifier.ts';
import { isName, Token } from '../sql/token.ts';
import type { Tokens } from '../sql/tokenizer.ts';
import type { Statement, TableReference } from '../sql/types.ts';
import type { Predicate } from './provider.ts';

type Operator = Predicate['op'];

/** A literal of the text, or the number of a parameter. */
export type Operand = { readonly text: string; readonly string: boolean } | number;

/** A condition of a WHERE as its text has it. */
interface Condition {
  /** Folded. */
  readonly qualifier: string | undefined;
  readonly column: string;
  readonly op: Operator;
  readonly operands: readonly Operand[];
}

/** What the text of a statement tells about what it needs of one of its relations. */
export interface Needs {
  /** Every column; else those whose folded names are among `names`. */
  readonly all: boolean;
  readonly names: ReadonlySet<string>;
  readonly conditions: readonly Condition[];
  /** LIMIT and OFFSET. */
  readonly limit: readonly Operand[];
}

const LESS = 60;
const GREATER = 62;
const MINUS = 45;
const FLIPPED: Readonly<Record<string, Operator>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

/** Reads one statement. Whatever it does not understand is not pushed down. */
export class Needed {
  readonly #names = new Set<string>();
  readonly #stars = new Set<string>();
  readonly #marks: ReadonlyMap<number, number>;
  #all = false;
  /** With USING or NATURAL, a name alone may mean two columns. */
  #merges = false;

  constructor(
    readonly statement: Statement,
    readonly t: Tokens,
  ) {
    this.#marks = new Map(statement.parameters.map(({ start, index }) => [start, index]));
    for (let i = 0; i < t.length; i += 3) {
      if (isName(t[i]!) || t[i]! >= Token.SELECT) {
        const word = this.#name(i);
        this.#names.add(word);
        if (word === 'natural') this.#all = this.#merges = true;
        if (word === 'using') this.#merges = true;
      } else if (t[i] === Token.STAR) this.#star(i);
    }
  }

  #text(i: number): string {
    return this.statement.sql.slice(this.t[i + 1], this.t[i + 2]);
  }

  #name(i: number): string {
    const text = this.#text(i);
    return foldName(
      this.t[i] === Token.STRING ? text.slice(1, -1).replaceAll("''", "'") : unquoteIdentifier(text),
    );
  }

  #star(i: number): void {
    const { t } = this;
    const before = t[i - 3]!;
    if (before === Token.DOT) this.#stars.add(this.#name(i - 6));
    // Behind an operand it multiplies; alone in parentheses it counts.
    else if (before === Token.COMMA || before >= Token.SELECT || this.#word(i - 3) === 'all')
      this.#all = true;
  }

  #word(i: number): string {
    return this.t[i] === Token.WORD ? foldName(this.#text(i)) : '';
  }

  /** What the statement needs of the relation with these references. */
  of(references: readonly TableReference[], end: number): Needs {
    const { t } = this;
    const [first] = references as readonly [TableReference];
    let all = this.#all;
    for (const { name, alias, role, start } of references) {
      const i = this.#at(start);
      all ||= role === 'write' || t[i - 3] === Token.IN || this.#stars.has(foldName(alias ?? name));
    }
    const alone = references.length === 1;
    const at = this.#at(first.start);
    return {
      all,
      names: this.#names,
      conditions: alone && t[at - 3] !== Token.IN ? this.#conditions(at, first) : [],
      limit: this.statement.tables.length === 1 ? this.#limit(end) : [],
    };
  }

  #at(start: number): number {
    let i = 0;
    while (this.t[i + 1]! < start) i += 3;
    return i;
  }

  /** The clause of the SELECT around token `i` that begins a WHERE: its first token, or 0. */
  #where(i: number): number {
    const { t } = this;
    let depth = 0;
    for (; i < t.length; i += 3) {
      const kind = t[i]!;
      if (kind === Token.LEFT_PAREN) depth++;
      else if (kind === Token.RIGHT_PAREN) {
        // Out of the parentheses of a join, but not out of a sub-select.
        if (depth === 0 && this.#opensSelect(i)) return 0;
        if (depth > 0) depth--;
      } else if (depth === 0) {
        if (kind === Token.WHERE) return i + 3;
        if (this.#ends(i)) return 0;
      }
    }
    return 0;
  }

  /** The parenthesis that token `i` closes holds a SELECT. */
  #opensSelect(i: number): boolean {
    const { t } = this;
    for (let depth = 0; i >= 0; i -= 3) {
      if (t[i] === Token.RIGHT_PAREN) depth++;
      else if (t[i] === Token.LEFT_PAREN && --depth === 0) break;
    }
    return t[i + 3] === Token.SELECT || t[i + 3] === Token.WITH;
  }

  /** A clause begins here that is none of FROM and WHERE, or another SELECT. */
  #ends(i: number): boolean {
    const { t } = this;
    const kind = t[i]!;
    return (
      kind === Token.SEMICOLON ||
      kind === Token.WINDOW ||
      (kind === Token.ON && t[i + 3] === Token.CONFLICT) ||
      (kind >= Token.GROUP && kind <= Token.INTERSECT && kind !== Token.SET) ||
      kind === Token.SELECT
    );
  }

  /** Span of the WHERE of an UPDATE or DELETE of this table, where nothing but the table decides which rows it means. */
  conditionOf({ start }: TableReference): readonly [start: number, end: number] | undefined {
    const { t } = this;
    let i = this.#at(start);
    const first = this.#where(i);
    let depth = 0;
    for (; i < first; i += 3) {
      if (t[i] === Token.LEFT_PAREN) depth++;
      else if (t[i] === Token.RIGHT_PAREN) depth--;
      else if (t[i] === Token.FROM && depth === 0) return undefined;
    }
    for (; first && i < t.length; i += 3) {
      if (t[i] === Token.LEFT_PAREN) depth++;
      else if (t[i] === Token.RIGHT_PAREN) depth--;
      else if (depth === 0 && this.#ends(i)) break;
    }
    return first ? [t[first + 1]!, t[i - 1]!] : undefined;
  }

  #conditions(at: number, { name, alias, string, call }: TableReference): Condition[] {
    const { t } = this;
    const own = alias ?? (string || call ? undefined : name);
    const conditions: Condition[] = [];
    let i = this.#where(at);
    if (!i) return conditions;
    let start = i;
    let between = 0;
    /** Open parentheses and CASEs. */
    const open: number[] = [];
    const close = () => {
      const condition = this.#condition(start, i);
      const mine = own === undefined ? undefined : foldName(own);
      if (condition && (condition.qualifier === undefined ? !this.#merges : condition.qualifier === mine))
        conditions.push(condition);
      start = i + 3;
    };
    for (; i < t.length; i += 3) {
      const word = this.#word(i);
      if (t[i] === Token.LEFT_PAREN || word === 'case') open.push(t[i]!);
      else if (t[i] === Token.END) {
        if (open[open.length - 1] === Token.WORD) open.pop();
      } else if (t[i] === Token.RIGHT_PAREN) {
        if (open.pop() === undefined) break;
      } else if (open.length === 0) {
        if (this.#ends(i)) break;
        if (t[i] === Token.OR) return [];
        if (word === 'between') between++;
        else if (word === 'and') {
          if (between > 0) between--;
          else close();
        }
      }
    }
    close();
    return conditions;
  }

  /** The condition of tokens `i` to `end`, when it is one that can be pushed down. */
  #condition(i: number, end: number): Condition | undefined {
    const { t } = this;
    const column = () => {
      if (!isName(t[i]!) || t[i] === Token.STRING || this.#word(i).startsWith('current_')) return undefined;
      const first = this.#name(i);
      i += 3;
      if (t[i] !== Token.DOT) return { qualifier: undefined, column: first };
      i += 6;
      return { qualifier: first, column: this.#name(i - 3) };
    };
    const operand = (): Operand | undefined => {
      const minus = t[i] === MINUS && t[i + 3] === Token.NUMBER;
      if (minus) i += 3;
      const kind = t[i];
      const text = this.#text(i);
      if (kind !== Token.NUMBER && kind !== Token.STRING && kind !== Token.PARAMETER) return undefined;
      i += 3;
      if (kind === Token.PARAMETER) return this.#marks.get(t[i - 2]!);
      if (kind === Token.NUMBER) return { text: minus ? `-${text}` : text, string: false };
      return { text: text.slice(1, -1).replaceAll("''", "'"), string: true };
    };
    const comparison = (): string | undefined => {
      const kind = t[i]!;
      const text = this.#text(i);
      if (kind !== Token.EQUALS && kind !== LESS && kind !== GREATER && !/^[<>]=$/.test(text))
        return undefined;
      i += 3;
      return kind === Token.EQUALS ? '=' : text;
    };
    const value = operand();
    if (value !== undefined) {
      const op = comparison();
      const name = op && column();
      return name && i === end ? { ...name, op: FLIPPED[op]!, operands: [value] } : undefined;
    }
    const name = column();
    if (!name) return undefined;
    const op = comparison();
    if (op) {
      const right = operand();
      return right !== undefined && i === end
        ? { ...name, op: op as Operator, operands: [right] }
        : undefined;
    }
    const operands: Operand[] = [];
    const list = (separator: (i: number) => boolean): boolean => {
      for (;;) {
        const next = operand();
        if (next === undefined) return false;
        operands.push(next);
        if (!separator(i)) return true;
        i += 3;
      }
    };
    if (t[i] === Token.IN && t[i + 3] === Token.LEFT_PAREN) {
      i += 6;
      if (!list((k) => t[k] === Token.COMMA) || t[i] !== Token.RIGHT_PAREN || i + 3 !== end) return undefined;
      return { ...name, op: 'in', operands };
    }
    if (this.#word(i) === 'between') {
      i += 3;
      if (!list((k) => this.#word(k) === 'and') || operands.length !== 2 || i !== end) return undefined;
      return { ...name, op: 'between', operands };
    }
    const rest = this.statement.sql.slice(t[i + 1], t[end - 1]);
    return /^(is\s+not\s+null|not\s+null|notnull)$/i.test(rest)
      ? { ...name, op: 'not null', operands }
      : undefined;
  }

  /** LIMIT and OFFSET of `SELECT columns FROM relation LIMIT …`, when the statement is nothing more. */
  #limit(end: number): Operand[] {
    const { t, statement } = this;
    const { sql, verb } = statement;
    let i = 0;
    // A call may be an aggregate.
    for (; t[i] !== Token.FROM; i += 3)
      if (i >= t.length || t[i] === Token.LEFT_PAREN || t[i] === Token.DISTINCT) return [];
    while (i < t.length && t[i] !== Token.LIMIT) i += 3;
    if (verb !== 'SELECT' || t[0] !== Token.SELECT || i >= t.length) return [];
    const alias = sql.slice(end, t[i + 1]);
    const rest = sql.slice(t[i + 2], t[t.length - 1]);
    if (!/^\s*(as\s)?\s*("?)\w*\2\s*$/i.test(alias)) return [];
    if (!/^\s*[\w?$:@]+\s*((offset\b|,)\s*[\w?$:@]+\s*)?$/i.test(rest)) return [];
    return [i + 3, i + 9]
      .filter((k) => k < t.length)
      .map((k) => this.#marks.get(t[k + 1]!) ?? { text: this.#text(k), string: false });
  }
}
