import { foldName, unquoteIdentifier } from './identifier.ts';
import { isAlias, isName, Token } from './token.ts';
import type { Tokens } from './tokenizer.ts';
import type { TableReference } from './types.ts';

/** Names of the common table expressions of one WITH; its own bodies see them too. */
interface Scope {
  readonly names: string[];
  readonly parent: Scope | undefined;
}

type Writable<T> = { -readonly [P in keyof T]: T[P] };

/** What an open parenthesis, or the statement itself, is reading. */
const NONE = 0;
/** Behind FROM, JOIN or a comma between tables: a table follows. */
const WANT = 1;
/** Behind a table of FROM. */
const HAVE = 2;
/** In a join condition: a comma here starts the next table. */
const CONDITION = 3;
/** At the start of the statement or in the list of a WITH: the main verb is still to come. */
const HEAD = 4;

/** How {@link analyze} reads an alias: not at all, only behind AS, or also without AS. */
const NO_ALIAS = 0;
const AFTER_AS = 1;
const ANY_ALIAS = 2;

/** What the parentheses and FROM clauses of a statement show. */
export interface References {
  readonly tables: readonly TableReference[];
  /** Main verb, upper case; '' when there is none. */
  readonly verb: string;
  readonly returning: boolean;
  readonly compoundTerms: number;
}

/**
 * Finds where the statement of tokens `head` to `end` names tables (`defines`: it is CREATE, DROP or ALTER): one pass with a stack of open parentheses,
 * each of which knows whether it is inside a FROM clause and which common table expressions it sees.
 */
export function findReferences(
  sql: string,
  t: Tokens,
  head: number,
  end: number,
  defines: boolean,
): References {
  const references: Writable<TableReference>[] = [];
  const scopes: (Scope | undefined)[] = [];
  const states = [HEAD];
  const visible: (Scope | undefined)[] = [undefined];
  const terms = [1];
  /** Per depth: the reference whose alias follows the closing parenthesis. */
  const closing: (Partial<TableReference> | undefined)[] = [undefined];
  let depth = 0;
  let outer: Scope | undefined;
  let compoundTerms = 1;
  let returning = false;
  let verb = '';

  const at = (i: number) => (i < end ? t[i]! : 0);
  const text = (i: number) => sql.slice(t[i + 1], t[i + 2]);
  const name = (i: number) => unquoteIdentifier(text(i));

  /** Reads an alias at `i` into `reference`; returns the token behind it. */
  const alias = (i: number, reference: Partial<Writable<TableReference>>, mode: number): number => {
    let from = i;
    if (at(i) === Token.AS) from += 3;
    else if (mode < ANY_ALIAS || !isAlias(at(i)) || isWindowClause(i)) return i;
    if (mode === NO_ALIAS || !isName(at(from))) return i;
    reference.alias = name(from);
    return from + 3;
  };

  /** Reads `schema.table` and its alias at `i`; returns the token behind, which for a call is its parenthesis. */
  const table = (i: number, role: 'read' | 'write', mode: number): number => {
    const qualified = at(i + 3) === Token.DOT && isName(at(i + 6));
    const own = qualified ? i + 6 : i;
    const call = role === 'read' && at(own + 3) === Token.LEFT_PAREN;
    const reference: Writable<TableReference> = {
      name: name(own),
      start: t[i + 1]!,
      end: t[own + 2]!,
      role,
      cte: false,
      string: at(own) === Token.STRING,
      call,
    };
    if (qualified) reference.schema = name(i);
    references.push(reference);
    scopes.push(role === 'read' && !qualified && !call ? visible[depth] : undefined);
    if (!call) return alias(own + 3, reference, mode);
    if (mode) closing[depth + 1] = reference;
    return own + 3;
  };

  /** WINDOW is a keyword only before `name AS`. */
  const isWindowClause = (i: number) => at(i) === Token.WINDOW && isName(at(i + 3)) && at(i + 6) === Token.AS;

  /** Index of the first name of a WITH at `i`, or 0 when the word is an identifier there. */
  const withList = (i: number): number => {
    if (at(i) !== Token.WITH) return 0;
    const n = at(i + 3) === Token.RECURSIVE ? i + 6 : i + 3;
    return isName(at(n)) && (at(n + 3) === Token.AS || at(n + 3) === Token.LEFT_PAREN) ? n : 0;
  };

  /** Reads the target of INSERT, UPDATE or DELETE at verb `i`; returns the token behind it. */
  const target = (i: number): number => {
    let n = i + 3;
    if (at(n) === Token.OR) n += 6;
    if (at(i) !== Token.UPDATE) {
      if (at(n) !== (at(i) === Token.DELETE ? Token.FROM : Token.INTO)) return n;
      n += 3;
    }
    return isName(at(n)) ? table(n, 'write', AFTER_AS) : n;
  };

  /** Follows the parentheses and the FROM clauses of the tokens from `i` on. */
  const walk = (i: number) => {
    for (; i < end; i += 3) {
      const kind = t[i]!;
      if (states[depth] === WANT && isName(kind)) {
        states[depth] = HAVE;
        i = table(i, 'read', ANY_ALIAS) - 3;
        continue;
      }
      switch (kind) {
        case Token.LEFT_PAREN: {
          const grouped = states[depth] === WANT;
          const inner = at(i + 3);
          const select = inner === Token.SELECT || inner === Token.VALUES || withList(i + 3) > 0;
          if (grouped) {
            states[depth] = HAVE;
            closing[depth + 1] = {};
          }
          depth++;
          states[depth] = grouped && !select ? WANT : NONE;
          visible[depth] = visible[depth - 1];
          terms[depth] = 1;
          closing[depth + 1] = undefined;
          break;
        }
        case Token.RIGHT_PAREN:
          if (depth > 0) {
            const reference = closing[depth];
            closing[depth] = undefined;
            depth--;
            if (reference) i = alias(i + 3, reference, ANY_ALIAS) - 3;
          }
          break;
        case Token.COMMA:
          if (states[depth] === HAVE || states[depth] === CONDITION) states[depth] = WANT;
          else if (states[depth] === HEAD && isName(at(i + 3))) {
            i += 3;
            visible[depth]?.names.push(foldName(name(i)));
          }
          break;
        case Token.FROM:
          // IS [NOT] DISTINCT FROM is an operator.
          if (t[i - 3] !== Token.DISTINCT) states[depth] = WANT;
          break;
        case Token.JOIN:
          if (states[depth] === HAVE || states[depth] === CONDITION) states[depth] = WANT;
          break;
        case Token.ON:
          if (states[depth] === HAVE) states[depth] = CONDITION;
          // The WITH of an INSERT's own SELECT ends where the upsert begins.
          if (depth === 0 && at(i + 3) === Token.CONFLICT) visible[0] = outer;
          break;
        case Token.IN:
          if (isName(at(i + 3))) i = table(i + 3, 'read', NO_ALIAS) - 3;
          break;
        case Token.UNION:
        case Token.EXCEPT:
        case Token.INTERSECT:
          states[depth] = NONE;
          if (++terms[depth]! > compoundTerms) compoundTerms = terms[depth]!;
          break;
        case Token.RETURNING:
          if (depth === 0) {
            returning = true;
            visible[0] = outer;
          }
          states[depth] = NONE;
          break;
        case Token.WITH: {
          const n = withList(i);
          if (!n) break;
          visible[depth] = { names: [foldName(name(n))], parent: visible[depth] };
          if (depth === 0 && !verb) outer = visible[0];
          states[depth] = HEAD;
          i = n;
          break;
        }
        case Token.INSERT:
        case Token.REPLACE:
        case Token.UPDATE:
        case Token.DELETE:
          if (depth || verb || states[0] !== HEAD) break;
          verb = text(i).toUpperCase();
          states[0] = NONE;
          i = target(i) - 3;
          break;
        case Token.SELECT:
        case Token.VALUES:
          if (depth === 0 && !verb) verb = text(i).toUpperCase();
          states[depth] = NONE;
          break;
        case Token.WINDOW:
          if (isWindowClause(i)) states[depth] = NONE;
          break;
        case Token.WHERE:
        case Token.GROUP:
        case Token.HAVING:
        case Token.ORDER:
        case Token.LIMIT:
        case Token.SET:
          states[depth] = NONE;
          break;
        case Token.SEMICOLON: // Between the statements of a trigger body.
          terms[depth] = 1;
          states[depth] = NONE;
      }
    }
  };

  /** CREATE, DROP and ALTER: the table they change; then what a stored or executed SELECT refers to. */
  const define = () => {
    verb = text(head).toUpperCase();
    let i = head + 3;
    // TEMP, UNIQUE, VIRTUAL.
    if (at(i) === Token.WORD) i += 3;
    const what = at(i);
    const creates = at(head) === Token.CREATE;
    i += 3;
    if (at(i + 3) === Token.EXISTS) i += 6;
    else if (at(i + 6) === Token.EXISTS) i += 9;
    if (what === Token.INDEX || what === Token.TRIGGER) {
      if (!creates) return;
      while (i < end && at(i) !== Token.ON) i += 3;
      i += 3;
    } else if (what !== Token.TABLE && what !== Token.VIEW) return;
    if (!isName(at(i))) return;
    i = table(i, 'write', NO_ALIAS);
    states[0] = NONE;
    if (creates && (what !== Token.TABLE || at(i) === Token.AS)) walk(i);
    // Stored text is not executed: the tables of a view or trigger body are not this statement's.
    if (what !== Token.TABLE) references.length = 1;
  };

  if (defines) define();
  else {
    walk(head);
    if (!verb) references.length = 0;
  }

  references.forEach((reference, i) => {
    const folded = scopes[i] && foldName(reference.name);
    for (let scope = scopes[i]; scope; scope = scope.parent) reference.cte ||= scope.names.includes(folded!);
  });

  return { tables: references, verb, returning, compoundTerms };
}
