import { DosqlError } from '../errors/index.ts';
import { exceedsLimits } from '../sql/adapt.ts';
import { analyze } from '../sql/analyze.ts';
import { splitStatements } from '../sql/split.ts';
import type { Statement } from '../sql/types.ts';
import type { Rewrite } from './extension.ts';
import { type RowFactory, rowFactory } from './rows.ts';

/** Signs that RETURNING may give more than the bound values: upserts, sub-selects, calls, large literals, operators. */
const STORED_OR_COMPUTED =
  /\b(conflict|replace|select)\b|\bvalues\b.*\w\s*\(|\d{16}|\b0x|\de\+?\d|[*+/-]\s*[^\s,;]|<<|\|\|/is;

/** What the engine decided about one SQL text. Cached; `plain` ones go straight to `sql.exec`. */
export interface Plan {
  readonly sql: string;
  /** What the caller wrote, where `sql` was made of it: what errors show. */
  readonly text?: string;
  readonly statement: Statement;
  /** One statement that needs nothing but `sql.exec`. */
  readonly plain: boolean;
  /** Reads only: `write`, `ddl` and `pragma` are watched after they ran. */
  readonly reads: boolean;
  /** Too large for one `sql.exec`: to be split or re-expressed. */
  readonly oversize: boolean;
  readonly rewrites: readonly Rewrite[];
  /** Needs rows from outside the object, or one of its parts does. */
  readonly foreign: boolean;
  /** The plans of each statement when the text holds several. */
  readonly parts: readonly Plan[] | undefined;
  /** Why the statement is refused. */
  readonly refusal: (() => DosqlError) | undefined;
  /** RETURNING can only give back what is being bound: no stored value, no computed one. */
  readonly returnsInput: boolean;
  /** Column names and row factory of the last run. */
  names: readonly string[];
  factory: RowFactory;
}

const NO_NAMES: readonly string[] = [];
const NO_FACTORY = rowFactory(NO_NAMES);

/** Decides what running `sql` takes. `hooks` are the extensions' `onPlan`. */
export function makePlan(
  text: string,
  hooks: readonly ((statement: Statement) => Rewrite | undefined)[],
): Plan {
  const spans = splitStatements(text);
  const [only] = spans;
  const rest = text.slice(only?.end).trim();
  // workerd takes a comment behind the semicolon for another statement, which then may not have parameters.
  const sql =
    only && spans.length === 1 && rest.length > 1 && rest.includes(';')
      ? text.slice(only.start, only.end)
      : text;
  if (spans.length > 1) {
    const parts = spans.map(({ start, end }) => makePlan(sql.slice(start, end), hooks));
    const foreign = parts.some((part) => part.foreign);
    return { ...blank(sql, parts[parts.length - 1]?.statement as Statement), parts, foreign };
  }
  const statement = analyze(sql);
  const refusal = spans.length === 0 ? () => emptyStatement(sql) : refuse(statement);
  if (refusal) return { ...blank(sql, statement), refusal };
  const rewrites: Rewrite[] = [];
  for (const hook of hooks) {
    const rewrite = hook(statement);
    if (rewrite) rewrites.push(rewrite);
  }
  const oversize = exceedsLimits(statement);
  const simple = statement.kind === 'read' || statement.kind === 'write';
  return {
    ...blank(sql, statement),
    rewrites,
    foreign: rewrites.some(({ load }) => load),
    oversize,
    plain: simple && !oversize && rewrites.length === 0,
    reads: statement.kind === 'read',
    returnsInput: statement.verb === 'INSERT' && !STORED_OR_COMPUTED.test(sql),
  };
}

function blank(sql: string, statement: Statement): Plan {
  return {
    sql,
    statement,
    plain: false,
    reads: false,
    oversize: false,
    rewrites: [],
    foreign: false,
    parts: undefined,
    refusal: undefined,
    returnsInput: false,
    names: NO_NAMES,
    factory: NO_FACTORY,
  };
}

/** The row factory for these names, kept on the plan while the names stay the same (a schema change alters them). */
export function factoryFor(plan: Plan, names: readonly string[]): RowFactory {
  const known = plan.names;
  let same = known.length === names.length;
  for (let i = 0; same && i < names.length; i++) same = known[i] === names[i];
  if (!same) {
    plan.names = names;
    // Names from the runtime are not internalised strings, which makes literals with computed keys slow; keys are.
    plan.factory = rowFactory(names.map((name) => Object.keys({ [name]: 0 })[0] as string));
  }
  return plan.factory;
}

function emptyStatement(sql: string): DosqlError {
  return new DosqlError('EMPTY_STATEMENT', 'The SQL text holds no statement.', { statement: sql });
}

function refuse(statement: Statement): (() => DosqlError) | undefined {
  const { sql: text, verb, kind } = statement;
  if (kind === 'transaction') {
    return () =>
      new DosqlError(
        'TRANSACTION_CONTROL',
        `${verb} is refused by Durable Objects. Use db.transaction(async (tx) => …), db.transactionSync or db.batch.`,
        { statement: text },
      );
  }
  if (statement.rollbackConflict) {
    // workerd: a statement that rolls the transaction back by itself resets the whole object.
    return () =>
      new DosqlError(
        'UNSUPPORTED_STATEMENT',
        'ROLLBACK as conflict resolution or in RAISE() would reset the Durable Object. Use ABORT, which undoes the statement.',
        { statement: text },
      );
  }
  return undefined;
}
