import { foldName, unquoteIdentifier } from './identifier.ts';
import * as K from './token.ts';
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
 * Finds where the statement of tokens `head` to `end` names tables: one pass with a stack of open parentheses,
 * each of which knows whether it is inside a FROM clause and which common table expressions it sees.
 */
export function findReferences(sql: string, t: readonly number[], head: number, end: number): References {
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
    if (at(i) === K.AS) from += 3;
    else if (mode < ANY_ALIAS || !K.isAlias(at(i)) || isWindowClause(i)) return i;
    if (mode === NO_ALIAS || !K.isName(at(from))) return i;
    reference.alias = name(from);
    return from + 3;
  };

  /** Reads `schema.table` and its alias at `i`; returns the token behind, which for a call is its parenthesis. */
  const table = (i: number, role: 'read' | 'write', mode: number): number => {
    const qualified = at(i + 3) === K.DOT && K.isName(at(i + 6));
    const own = qualified ? i + 6 : i;
    const call = role === 'read' && at(own + 3) === K.LEFT_PAREN;
    const reference: Writable<TableReference> = {
      name: name(own),
      start: t[i + 1]!,
      end: t[own + 2]!,
      role,
      cte: false,
      string: at(own) === K.STRING,
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
  const isWindowClause = (i: number) => at(i) === K.WINDOW && K.isName(at(i + 3)) && at(i + 6) === K.AS;

  /** Index of the first name of a WITH at `i`, or 0 when the word is an identifier there. */
  const withList = (i: number): number => {
    if (at(i) !== K.WITH) return 0;
    const n = at(i + 3) === K.RECURSIVE ? i + 6 : i + 3;
    return K.isName(at(n)) && (at(n + 3) === K.AS || at(n + 3) === K.LEFT_PAREN) ? n : 0;
  };

  /** Reads the target of INSERT, UPDATE or DELETE at verb `i`; returns the token behind it. */
  const target = (i: number): number => {
    let n = i + 3;
    if (at(n) === K.OR) n += 6;
    if (at(i) !== K.UPDATE) {
      if (at(n) !== (at(i) === K.DELETE ? K.FROM : K.INTO)) return n;
      n += 3;
    }
    return K.isName(at(n)) ? table(n, 'write', AFTER_AS) : n;
  };

  /** Follows the parentheses and the FROM clauses of the tokens from `i` on. */
  const walk = (i: number) => {
    for (; i < end; i += 3) {
      const kind = t[i]!;
      if (states[depth] === WANT && K.isName(kind)) {
        states[depth] = HAVE;
        i = table(i, 'read', ANY_ALIAS) - 3;
        continue;
      }
      switch (kind) {
        case K.LEFT_PAREN: {
          const grouped = states[depth] === WANT;
          const inner = at(i + 3);
          const select = inner === K.SELECT || inner === K.VALUES || withList(i + 3) > 0;
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
        case K.RIGHT_PAREN:
          if (depth > 0) {
            const reference = closing[depth];
            closing[depth] = undefined;
            depth--;
            if (reference) i = alias(i + 3, reference, ANY_ALIAS) - 3;
          }
          break;
        case K.COMMA:
          if (states[depth] === HAVE || states[depth] === CONDITION) states[depth] = WANT;
          else if (states[depth] === HEAD && K.isName(at(i + 3))) {
            i += 3;
            visible[depth]?.names.push(foldName(name(i)));
          }
          break;
        case K.FROM:
          // IS [NOT] DISTINCT FROM is an operator.
          if (t[i - 3] !== K.DISTINCT) states[depth] = WANT;
          break;
        case K.JOIN:
          if (states[depth] === HAVE || states[depth] === CONDITION) states[depth] = WANT;
          break;
        case K.ON:
          if (states[depth] === HAVE) states[depth] = CONDITION;
          // The WITH of an INSERT's own SELECT ends where the upsert begins.
          if (depth === 0 && at(i + 3) === K.CONFLICT) visible[0] = outer;
          break;
        case K.IN:
          if (K.isName(at(i + 3))) i = table(i + 3, 'read', NO_ALIAS) - 3;
          break;
        case K.UNION:
        case K.EXCEPT:
        case K.INTERSECT:
          states[depth] = NONE;
          if (++terms[depth]! > compoundTerms) compoundTerms = terms[depth]!;
          break;
        case K.RETURNING:
          if (depth === 0) {
            returning = true;
            visible[0] = outer;
          }
          states[depth] = NONE;
          break;
        case K.WITH: {
          const n = withList(i);
          if (!n) break;
          visible[depth] = { names: [foldName(name(n))], parent: visible[depth] };
          if (depth === 0 && !verb) outer = visible[0];
          states[depth] = HEAD;
          i = n;
          break;
        }
        case K.INSERT:
        case K.REPLACE:
        case K.UPDATE:
        case K.DELETE:
          if (depth || verb || states[0] !== HEAD) break;
          verb = text(i).toUpperCase();
          states[0] = NONE;
          i = target(i) - 3;
          break;
        case K.SELECT:
        case K.VALUES:
          if (depth === 0 && !verb) verb = text(i).toUpperCase();
          states[depth] = NONE;
          break;
        case K.WINDOW:
          if (isWindowClause(i)) states[depth] = NONE;
          break;
        case K.WHERE:
        case K.GROUP:
        case K.HAVING:
        case K.ORDER:
        case K.LIMIT:
        case K.SET:
          states[depth] = NONE;
          break;
        case K.SEMICOLON: // Between the statements of a trigger body.
          terms[depth] = 1;
          states[depth] = NONE;
      }
    }
  };

  /** CREATE, DROP and ALTER: the table they change; then what a stored or executed SELECT refers to. */
  const define = () => {
    verb = text(head).toUpperCase();
    let i = head + 3;
    while (at(i) === K.TEMP || at(i) === K.TEMPORARY || at(i) === K.UNIQUE || at(i) === K.VIRTUAL) i += 3;
    const what = at(i);
    const creates = at(head) === K.CREATE;
    i += 3;
    if (at(i) === K.IF && (at(i + 3) === K.EXISTS || at(i + 6) === K.EXISTS))
      i += at(i + 3) === K.NOT ? 9 : 6;
    if (what === K.INDEX || what === K.TRIGGER) {
      if (!creates) return;
      while (i < end && at(i) !== K.ON) i += 3;
      i += 3;
    } else if (what !== K.TABLE && what !== K.VIEW) return;
    if (!K.isName(at(i))) return;
    i = table(i, 'write', NO_ALIAS);
    states[0] = NONE;
    if (creates && (what !== K.TABLE || at(i) === K.AS)) walk(i);
    // Stored text is not executed: the tables of a view or trigger body are not this statement's.
    if (what !== K.TABLE) references.length = 1;
  };

  const first = at(head);
  if (first === K.CREATE || first === K.DROP || first === K.ALTER) define();
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
