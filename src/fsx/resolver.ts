import type { Rewrite } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import type { Resolver } from '../relation/resolver.ts';
import { analyze } from '../sql/analyze.ts';
import { foldName, nameAt } from '../sql/identifier.ts';
import { isName, Token } from '../sql/token.ts';
import { type Tokens, tokenize } from '../sql/tokenizer.ts';
import type { Statement } from '../sql/types.ts';
import { ArchivedRows } from './archived-rows.ts';
import { type Kept, rehydrate } from './rehydrate.ts';
import { keySql } from './rows.ts';
import type { Tiered, Tiers } from './tiers.ts';

const PAST = /\bsystem_time\b/i;

/** Tables with archived rows, as the relations of a statement. */
export function resolver(tiers: Tiers): Resolver {
  return ({ name, string, call }, statement) => {
    if (string || call || PAST.test(statement.sql)) return undefined;
    const folded = foldName(name);
    if (!tiers.tables.has(folded)) return viewOf(tiers, name, statement.sql);
    const target = statement.tables.find(({ role }) => role === 'write')?.name ?? '';
    // A rebuild of the table copies what is in the object; files keep the columns that they have.
    if (statement.verb === 'INSERT' && foldName(target) === `__new_${folded}`) return undefined;
    const writes =
      (statement.verb === 'UPDATE' || statement.verb === 'DELETE') &&
      statement.tables.some((table) => table.role === 'write' && foldName(table.name) === folded);
    return {
      shadows: true,
      open() {
        const tiered = tiers.tables.get(folded);
        if (!tiered || !tiers.manifest.active(folded).length) return undefined;
        refuseRowid(tiered, statement);
        const rows = new ArchivedRows(tiers, tiered, writes);
        return {
          provider: rows,
          ...tiers.caps,
          valid: () => rows.valid(),
          ...(writes && {
            rehydrate(matching) {
              const keys = matching(`SELECT ${keySql(tiered.table, '')}`) as [string][];
              const kept = new Map<string, Kept>();
              for (const [key] of keys) kept.set(key, rows.kept!.get(key)!);
              rehydrate(tiers, tiered, [...kept.values()]);
            },
          }),
        };
      },
    };
  };
}

/** Statements about the past know nothing of archived rows: refused where they would miss some. */
export function refusePast(tiers: Tiers, { tables, sql }: Statement): Rewrite | undefined {
  const names = PAST.test(sql) ? tables.filter(({ cte }) => !cte).map(({ name }) => foldName(name)) : [];
  if (!names.some((name) => tiers.tables.has(name))) return undefined;
  return {
    around(run) {
      const table = names.find((name) => tiers.manifest.active(name).length);
      if (!table) return run();
      throw new DosqlError(
        'HISTORY_UNAVAILABLE',
        `${table} has archived rows, which a statement about the past cannot see.`,
        { statement: sql, table },
      );
    },
  };
}

/** An archived row has no rowid that a statement could ask for. @throws UNSUPPORTED_STATEMENT */
function refuseRowid({ table }: Tiered, { sql, tables }: Statement): void {
  const t = tokenize(sql);
  const names = new Set(table.columns.map(({ name }) => foldName(name)));
  const own = tables.filter(({ name }) => foldName(name) === foldName(table.name));
  const word = (i: number) => (isName(t[i]!) ? nameAt(sql, t, i) : '');
  for (let i = 0; i < t.length; i += 3) {
    const found = word(i);
    if (!/^(rowid|_rowid_|oid)$/.test(found) || t[i] === Token.STRING || names.has(found)) continue;
    const [from, to] = selectAround(t, i);
    const meant =
      t[i - 3] === Token.DOT
        ? own.some(({ name, alias }) => foldName(alias ?? name) === word(i - 6))
        : own.some(({ start }) => start >= from && start < to);
    if (!meant) continue;
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `${table.name} has archived rows, which have no ${found}: use its primary key, or tier: 'hot'.`,
      { statement: sql, table: table.name },
    );
  }
}

/** Where the innermost SELECT in parentheses around token `i` is in the text; else all of it. */
function selectAround(t: Tokens, i: number): [from: number, to: number] {
  let depth = 0;
  let from = i;
  for (; from >= 0; from -= 3) {
    if (t[from] === Token.RIGHT_PAREN) depth++;
    else if (t[from] === Token.LEFT_PAREN && --depth < 0) {
      if (t[from + 3] === Token.SELECT) break;
      depth = 0;
    }
  }
  if (from < 0) return [0, Number.POSITIVE_INFINITY];
  let to = from;
  for (depth = 0; to < t.length; to += 3) {
    if (t[to] === Token.LEFT_PAREN) depth++;
    else if (t[to] === Token.RIGHT_PAREN && --depth === 0) break;
  }
  return [t[from + 1]!, t[to + 1]!];
}

/** A view is SQLite's own affair, and sees the rows in the object only: refused where it would miss archived ones. */
function viewOf(tiers: Tiers, name: string, sql: string): ReturnType<Resolver> {
  const tables = tiersIn(tiers, name, new Set());
  if (!tables.length) return undefined;
  return {
    shadows: true,
    open() {
      const table = tables.find((one) => tiers.manifest.active(one).length);
      if (!table) return undefined;
      throw new DosqlError(
        'UNSUPPORTED_STATEMENT',
        `The view ${name} reads ${table}, which has archived rows that a view cannot see: write its SELECT into the statement, or use tier: 'hot'.`,
        { statement: sql, table },
      );
    },
  };
}

/** Folded names of the tiered tables behind a view. */
function tiersIn(tiers: Tiers, name: string, seen: Set<string>): string[] {
  const folded = foldName(name);
  if (seen.has(folded)) return [];
  seen.add(folded);
  if (tiers.tables.has(folded)) return [folded];
  const [view] = tiers.manifest.all(
    "SELECT sql FROM main.sqlite_master WHERE type='view' AND name=? COLLATE NOCASE",
    name,
  );
  if (!view) return [];
  return analyze(String(view[0]).replace(/^.*?\bas\b/is, '')).tables.flatMap((table) =>
    table.cte ? [] : tiersIn(tiers, table.name, seen),
  );
}
