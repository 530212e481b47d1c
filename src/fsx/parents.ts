import type { Loaded, LoadOptions, Rewrite } from '../engine/extension.ts';
import { loadForeign } from '../engine/foreign.ts';
import { enter } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import type { Cell, Predicate } from '../relation/provider.ts';
import { Needed } from '../relation/pushdown.ts';
import { applyEdits } from '../sql/edit.ts';
import { foldName, nameAt, quoteIdentifier } from '../sql/identifier.ts';
import type { SqlValue } from '../sql/literal.ts';
import { Token } from '../sql/token.ts';
import { type Tokens, tokenize } from '../sql/tokenizer.ts';
import type { Statement, TableReference } from '../sql/types.ts';
import { ArchivedRows } from './archived-rows.ts';
import { type Kept, rehydrate } from './rehydrate.ts';
import { classed, kindsOf, tableOf } from './segment-rows.ts';
import type { Tiered, Tiers } from './tiers.ts';

const MAX_ROWS = 250_000;

/** Rows of a tiered table refer to rows that a statement takes away: their `column` has one of `keys`. */
interface Tie {
  readonly table: string;
  readonly column: string;
  /** A SELECT of one column, its parameters numbered. */
  readonly keys: string;
  /** The key may equal other texts than its own: what it refers to has a collation, and that one counts. */
  readonly collated: boolean;
}

/**
 * Rows that archived rows have a foreign key to are deleted, or get another key: brings the archived ones back first,
 * so that SQLite refuses, cascades or sets NULL as the foreign key says.
 */
export function parentOf(tiers: Tiers, statement: Statement): Rewrite | undefined {
  const { sql, verb, kind, replace } = statement;
  const target = statement.tables.find(({ role }) => role === 'write');
  const goes = verb === 'UPDATE' || verb === 'DELETE';
  const upserts = verb === 'INSERT' && /\bdo\s+update\b/i.test(sql);
  if (!target || kind !== 'write' || !(goes || replace || upserts)) return undefined;
  const ties = tiesOf(tiers, statement, target);
  if (!ties.length) return undefined;
  const archived = () => ties.filter(({ table }) => tiers.manifest.active(table).length);
  if (goes && !replace)
    return { optional: true, load: (values, options) => load(tiers, archived(), statement, values, options) };
  return {
    around(run) {
      const [tie] = archived();
      if (!tie) return run();
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `${tie.table} has archived rows with a foreign key to ${target.name}, which ${replace ? 'REPLACE would pass by: use ON CONFLICT DO UPDATE' : 'an upsert of their key would pass by: use UPDATE'}.`,
        { statement: sql, table: target.name },
      );
    },
  };
}

/** Rows that go, and those that go with them along foreign keys, as SELECTs of what tiered tables refer to. */
function tiesOf(tiers: Tiers, { sql, parameters, verb, ...rest }: Statement, target: TableReference): Tie[] {
  const tokens = tokenize(sql);
  const folded = foldName(target.name);
  const cut = (from: number, to: number) =>
    applyEdits(sql.slice(0, to), [
      { start: 0, end: from, text: '' },
      ...parameters.flatMap(({ start, end, index }) =>
        start >= from && end <= to ? [{ start, end, text: `?${index}` }] : [],
      ),
    ]);
  let start = 0;
  for (let i = 0; tokens[i + 1]! < target.start; i += 3)
    if (tokens[i] === Token.UPDATE || tokens[i] === Token.DELETE) start = tokens[i + 1]!;
  const span = new Needed({ sql, parameters, verb, ...rest }, tokens).conditionOf(target);
  const set = verb === 'UPDATE' && foldName(sql.slice(target.end, span?.[0]));
  const upserted = verb === 'INSERT' && !rest.replace && upsertedBy(sql, tokens);
  const rows = (name: string, to: string, where: string) =>
    `SELECT ${quoteIdentifier(to)} FROM main.${quoteIdentifier(name)} AS ${quoteIdentifier(name === folded ? (target.alias ?? target.name) : name)} WHERE ${where}`;
  const links = (name: string) =>
    tiers.manifest.all(
      `SELECT lower(f."table"),f."from",coalesce(f."to",(SELECT name FROM pragma_table_info(f."table") WHERE pk=f.seq+1)),f.seq,(SELECT sql LIKE '%collate%' FROM main.sqlite_master WHERE type='table' AND name=f."table" COLLATE NOCASE) FROM pragma_foreign_key_list(?) f`,
      name,
    ) as [parent: string, from: string, to: string, seq: number, collated: number][];
  const chains = (name: string, seen: readonly string[]): Omit<Tie, 'table'>[] =>
    links(name).flatMap(([parent, column, to, seq, like]) => {
      const collated = like > 0;
      // A tree: whatever hangs below.
      const tree = links(parent).some(([other]) => other === parent);
      if (parent === folded) {
        if (upserted ? !upserted.has(foldName(to)) : set ? !set.includes(foldName(to)) : seq > 0) return [];
        return [{ column, collated, keys: rows(parent, to, tree || !span ? '1' : cut(...span)) }];
      }
      if (seen.includes(parent)) return [];
      return chains(parent, [...seen, parent]).map((above) => ({
        column,
        collated,
        keys: rows(parent, to, tree ? '1' : `${quoteIdentifier(above.column)} IN(${above.keys})`),
      }));
    });
  return tiers
    .names()
    .flatMap((table) =>
      chains(table, [table]).map((tie) => ({ ...tie, table, keys: cut(0, start) + tie.keys })),
    );
}

const ENDS: readonly unknown[] = [
  undefined,
  Token.COMMA,
  Token.WHERE,
  Token.ON,
  Token.RETURNING,
  Token.SEMICOLON,
];

/** Folded names of the columns that ON CONFLICT DO UPDATE changes: not those of the conflict that are set to themselves. */
function upsertedBy(sql: string, t: Tokens): Set<string> {
  const found = new Set<string>();
  const name = (i: number) => nameAt(sql, t, i);
  /** Names up to the parenthesis that closes. */
  const names = (i: number) => {
    const list: string[] = [];
    for (; i < t.length && t[i] !== Token.RIGHT_PAREN; i += 3) list.push(name(i));
    return list;
  };
  let same: string[] = [];
  let assigns = false;
  let depth = 0;
  for (let i = 0; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN) depth--;
    if (depth > 0) continue;
    if (t[i] === Token.CONFLICT) same = t[i + 3] === Token.LEFT_PAREN ? names(i + 6) : [];
    const set = t[i] === Token.SET && t[i - 3] === Token.UPDATE;
    assigns = set || (assigns && !(ENDS.includes(t[i]) && t[i] !== Token.COMMA));
    if (!set && !(assigns && t[i] === Token.COMMA)) continue;
    const column = name(i + 3);
    const itself = name(i + 9) === 'excluded' && name(i + 15) === column && ENDS.includes(t[i + 18]);
    if (t[i + 3] === Token.LEFT_PAREN) for (const one of names(i + 6)) found.add(one);
    else if (!itself || !same.includes(column)) found.add(column);
  }
  return found;
}

async function load(
  tiers: Tiers,
  ties: readonly Tie[],
  { sql }: Statement,
  values: readonly SqlValue[],
  options: LoadOptions,
): Promise<Loaded> {
  const nothing: Loaded = { report: [] };
  if (options.tier === 'hot' || options.explain || !ties.length) return nothing;
  const { engine, manifest, caps } = tiers;
  const stamp = manifest.stamp();
  const found = new Map<Tiered, Map<string, Kept>>();
  const same: (() => boolean)[] = [() => manifest.stamp() === stamp];
  for (const { table, column, keys, collated } of ties) {
    const tiered = tiers.tables.get(table);
    if (!tiered) continue;
    const plan = engine.plan(keys);
    const ready = await loadForeign(plan, values.slice(0, plan.statement.parameterCount), options);
    const read = () => engine.all(ready.plan, ready.values, 'bigint').map(([key]) => key as Cell);
    const list = await enter(options.scope, read);
    // Rows that come or change before the statement's turn may be meant as well.
    same.push(() => `${read().map(alike)}` === `${list.map(alike)}`);
    const wanted = new Set(list.map(alike));
    const rows = new ArchivedRows(tiers, tiered, true);
    const kept = rows.kept!;
    const all = found.get(tiered) ?? new Map<string, Kept>();
    found.set(tiered, all);
    const at = tiered.table.columns.findIndex(({ name }) => foldName(name) === foldName(column));
    for await (const _ of rows.scan({ columns: [], predicates: predicatesFor(tiered, at, list, collated) })) {
      for (const [key, one] of kept) if (wanted.has(alike(cellOf(tiered, one, at)))) all.set(key, one);
      kept.clear();
      const limit = caps.maxRows ?? MAX_ROWS;
      if (all.size > limit)
        throw new DosqlError(
          'LIMIT_EXCEEDED',
          `More than ${limit} archived rows of ${table} refer to what this statement changes: delete them before, in parts.`,
          { statement: sql, table, limit: { name: 'relation rows', value: limit } },
        );
    }
  }
  return {
    ...nothing,
    valid: () => same.every((check) => check()),
    around: (run) =>
      engine.transactionSync(() => {
        for (const [tiered, kept] of found) rehydrate(tiers, tiered, [...kept.values()]);
        return run();
      }),
  };
}

/** Equal for values that are equal under any affinity and collation; a row too many comes back as it was. */
const alike = (cell: Cell): string => `${cell}`.trimEnd().toLowerCase();

function cellOf(tiered: Tiered, { segment, row }: Kept, at: number): Cell {
  const written = tableOf(tiered, segment);
  const { id } = tiered.table.columns[at]!;
  const from = written.columns.findIndex((column) => column.id === id);
  return from < 0 ? null : classed(row.cells[from]!, kindsOf(written, segment)[from]!).cell;
}

function predicatesFor(
  tiered: Tiered,
  column: number,
  list: readonly Cell[],
  collated: boolean,
): Predicate[] {
  const { affinity } = tiered.table.columns[column]!;
  const values = list.filter((key) => key !== null) as Predicate['values'][number][];
  const type =
    affinity === 'INTEGER' ? /^(number|bigint)$/ : affinity === 'TEXT' && !collated ? /^string$/ : /^$/;
  return values.every((value) => type.test(typeof value)) ? [{ column, op: 'in', values }] : [];
}
