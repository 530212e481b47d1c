import type { Rewrite } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import type { Resolver } from '../relation/resolver.ts';
import { analyze } from '../sql/analyze.ts';
import { foldName } from '../sql/identifier.ts';
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
        refuseRowid(tiered, statement.sql);
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
function refuseRowid({ table }: Tiered, sql: string): void {
  const found = /\b(?:rowid|_rowid_|oid)\b/i.exec(sql)?.[0];
  if (!found || table.columns.some(({ name }) => foldName(name) === foldName(found))) return;
  throw new DosqlError(
    'UNSUPPORTED_STATEMENT',
    `${table.name} has archived rows, which have no ${found}: use its primary key, or tier: 'hot'.`,
    { statement: sql, table: table.name },
  );
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
