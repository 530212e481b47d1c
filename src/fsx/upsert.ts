import type { Loaded, LoadOptions } from '../engine/extension.ts';
import { makePlan } from '../engine/plan.ts';
import { enter } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import type { Predicate } from '../relation/provider.ts';
import { defaultSql } from '../sql/default.ts';
import { applyEdits } from '../sql/edit.ts';
import { foldName, nameAt, quoteIdentifier } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import { Token } from '../sql/token.ts';
import { tokenize } from '../sql/tokenizer.ts';
import type { Statement } from '../sql/types.ts';
import { ArchivedRows } from './archived-rows.ts';
import { rehydrate } from './rehydrate.ts';
import { keySql, storedSql } from './rows.ts';
import type { Tiered, Tiers } from './tiers.ts';

/** Where the parts of an INSERT are. */
interface Insert {
  /** `WITH … ` before INSERT, or ''. */
  readonly head: string;
  /** Names in the list of columns; undefined when there is none. */
  readonly columns: string[] | undefined;
  /** VALUES … or SELECT …, its parameters numbered. */
  readonly source: string;
  readonly parameters: number;
}

const CHANCE = /\brandom/i;
/** What is another value each time, whatever the tables hold. */
const FLEETING = /\b(random|current_)|'(now|subsec)|(date|time|day|epoch)\s*\(\s*\)/i;
const CONFLICT = /\bon\s+conflict\b|\binsert\s+or\s+ignore\b/i;

/** An INSERT that does something else where its key is there already. */
export function looksAtKeys({ verb, sql }: Statement): boolean {
  return verb === 'INSERT' && CONFLICT.test(sql);
}

/** The parts of an INSERT; undefined for DEFAULT VALUES. */
function partsOf(statement: Statement): Insert | undefined {
  const { sql, parameters, tables } = statement;
  const t = tokenize(sql);
  const target = tables.find(({ role }) => role === 'write')!;
  let insert = 0;
  while (t[insert] !== Token.INSERT || t[insert + 1]! > target.start) insert += 3;
  let i = insert;
  while (t[i + 1]! < target.end) i += 3;
  if (t[i] === Token.AS) i += 6;
  let columns: string[] | undefined;
  if (t[i] === Token.LEFT_PAREN && t[i + 3] !== Token.SELECT) {
    columns = [];
    for (i += 3; t[i] !== Token.RIGHT_PAREN; i += 3)
      if (t[i] !== Token.COMMA) columns.push(nameAt(sql, t, i));
    i += 3;
  }
  const start = t[i + 1];
  let depth = 0;
  let end = i;
  for (; end < t.length && t[end] !== Token.SEMICOLON; end += 3) {
    if (t[end] === Token.LEFT_PAREN) depth++;
    else if (t[end] === Token.RIGHT_PAREN) depth--;
    else if (
      depth === 0 &&
      ((t[end] === Token.ON && t[end + 3] === Token.CONFLICT) || t[end] === Token.RETURNING)
    )
      break;
  }
  if (start === undefined || !/^(values|select|with)/i.test(sql.slice(start))) return undefined;
  const edits = parameters.map(({ start, end, index }) => ({ start, end, text: `?${index}` }));
  const before = parameters.filter(
    (p) => p.start < t[insert + 1]! || (p.start >= start && p.end <= t[end - 1]!),
  );
  const shift = (from: number, to: number) =>
    applyEdits(
      sql.slice(from, to),
      edits
        .filter((edit) => edit.start >= from && edit.end <= to)
        .map((edit) => ({ ...edit, start: edit.start - from, end: edit.end - from })),
    );
  return {
    head: shift(0, t[insert + 1]!),
    columns,
    source: shift(start, t[end - 1]!),
    parameters: Math.max(0, ...before.map(({ index }) => index)),
  };
}

/** Loads the archived rows whose keys an INSERT brings, so that the statement meets them in the table. */
export async function loadConflicts(
  tiers: Tiers,
  tiered: Tiered,
  statement: Statement,
  values: readonly SqlValue[],
  { scope, tier, explain }: LoadOptions,
): Promise<Loaded> {
  const nothing: Loaded = { report: [] };
  if (tier === 'hot' || explain) return nothing;
  const read = () => keysOf(tiers, tiered, statement, values);
  const found = await enter(scope, read);
  if (!found) return nothing;
  const rows = new ArchivedRows(tiers, tiered, true);
  const { keys, predicates, reads } = found;
  const scan = { columns: [], predicates };
  for await (const _ of rows.scan(scan))
    for (const key of rows.kept!.keys()) if (!keys.has(key)) rows.kept!.delete(key);
  return {
    ...nothing,
    valid: () => rows.valid() && (!reads || isSubset(read()?.keys, keys)),
    around: (run) =>
      tiers.engine.transactionSync(() => {
        rehydrate(tiers, tiered, [...rows.kept!.values()]);
        return run();
      }),
  };
}

/** No key came meanwhile. */
function isSubset(now: ReadonlySet<string> | undefined, keys: ReadonlySet<string>): boolean {
  for (const key of now ?? []) if (!keys.has(key)) return false;
  return true;
}

/**
 * The keys an INSERT brings, and where to look for them; undefined when no file can have one. `reads`: they come from
 * tables, and may be others when its turn comes.
 */
function keysOf(
  { engine, manifest }: Tiers,
  { table }: Tiered,
  statement: Statement,
  values: readonly SqlValue[],
): { keys: Set<string>; predicates: Predicate[]; reads: boolean } | undefined {
  const name = foldName(table.name);
  if (!manifest.active(name).length) return undefined;
  const insert = partsOf(statement);
  if (!insert) return undefined;
  const names =
    insert.columns ??
    table.columns.filter(({ generated }) => !generated).map((column) => foldName(column.name));
  const key = table.key.map((at) => table.columns[at]!);
  const isGiven = (column: string) => names.includes(foldName(column));
  // A rowid that is not given is a new one, as what chance gives; and NULL is no key.
  const isNew = (fallback = 'random') => table.integerKey || CHANCE.test(fallback);
  if (key.some(({ name, fallback }) => !isGiven(name) && isNew(fallback))) return undefined;
  const list = names.map(quoteIdentifier);
  const stored = key.map(({ name: column, affinity, fallback = '' }) => {
    const quoted = quoteIdentifier(column);
    return `${storedSql(isGiven(column) ? quoted : `(${defaultSql(fallback)})`, affinity)} AS ${quoted}`;
  });
  const head = insert.head.trim();
  const sql = `${head ? `${head},` : 'WITH '}_dosql_s(${list})AS(${insert.source}\n),_dosql_k AS(SELECT ${stored} FROM _dosql_s)SELECT ${keySql(table, '')},${quoteIdentifier(key[0]!.name)} FROM _dosql_k`;
  const plan = makePlan(sql, engine.planHooks);
  if (plan.foreign)
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `An INSERT into the tiered table ${table.name} that looks at conflicts cannot take its rows from outside the object or from tiered tables: read them first.`,
      { statement: statement.sql, table: table.name },
    );
  const rows = engine.all(plan, values.slice(0, insert.parameters), 'bigint') as [
    string,
    Predicate['values'][number],
  ][];
  const firsts = rows.map(([, first]) => first);
  const comparable = firsts.every((first) => typeof first !== 'object');
  const predicates: Predicate[] = comparable ? [{ column: table.key[0]!, op: 'in', values: firsts }] : [];
  const reads = /select/i.test(head + insert.source) && !FLEETING.test(sql);
  return { keys: new Set(rows.map(([text]) => text)), predicates, reads };
}
