import type { Database } from '../../engine/database.ts';
import type { Engine } from '../../engine/engine.ts';
import { DosqlError } from '../../errors/index.ts';
import { foldName } from '../../sql/identifier.ts';
import type { Grant } from '../grant.ts';

/** What the handler knows of a request. */
export interface TransferContext {
  readonly db: Database;
  readonly grant: Grant;
  /** The object's context: it is reset when foreign keys cannot be switched on again. */
  readonly ctx?: DurableObjectState | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** True for tables of SQLite, of the platform and of DoSQL: they are neither exported nor imported. */
export function isInternal(engine: Engine, name: string): boolean {
  const folded = foldName(name);
  return /^(sqlite|_dosql|_cf|__miniflare)_/.test(folded) || engine.internal.has(folded);
}

/** @throws NOT_AUTHORIZED, or NO_SUCH_TABLE for an internal table, which is as good as none */
export function allowTable({ db, grant }: TransferContext, name: string): void {
  if (isInternal(db.scope.engine, name))
    throw new DosqlError('NO_SUCH_TABLE', `no such table: ${name}`, { table: name });
  const folded = foldName(name);
  if (grant.tables && !grant.tables.some((table) => foldName(table) === folded))
    throw new DosqlError('NOT_AUTHORIZED', `This token may not use table ${name}.`, { table: name });
}

/** @throws INVALID_ARGUMENT */
export function oneOf<T extends string>(url: URL, name: string, values: readonly T[]): T {
  const value = url.searchParams.get(name) ?? values[0]!;
  if ((values as readonly string[]).includes(value)) return value as T;
  throw new DosqlError('INVALID_ARGUMENT', `${name} must be one of ${values.join(', ')}.`);
}

/** The one table that a format of rows is about. @throws INVALID_ARGUMENT */
export function onlyTable(url: URL, format: string): string {
  const [table, ...more] = url.searchParams.getAll('table');
  if (table && more.length === 0) return table;
  throw new DosqlError('INVALID_ARGUMENT', `${format} holds the rows of one table: give table=….`);
}
