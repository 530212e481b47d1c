import { drain } from '../engine/cursor.ts';
import type { Engine } from '../engine/engine.ts';
import { enter } from '../engine/scope.ts';
import { DosqlError } from '../errors/index.ts';
import { atomically } from '../migration/migrate.ts';
import { alone, withoutForeignKeys } from '../migration/rebuild.ts';
import { BREAKPOINT, needsRebuild, parseScript, pieces, runScript } from '../migration/script.ts';
import type { Limits } from './grant.ts';
import { readJson } from './respond.ts';
import type { TransferContext } from './transfer/context.ts';

/** Between statements that were sent one by one. */
const BETWEEN = `;\n${BREAKPOINT}\n`;

/** A migration that is in place, as the ledger knows it. */
export interface AppliedMigration {
  readonly name: string | null;
  readonly hash: string;
  /** When it was generated, in milliseconds since the epoch. */
  readonly when: number;
  /** When it was applied, ISO-8601, where the ledger says it. */
  readonly appliedAt: string | null;
}

/**
 * `POST /migrate` with `{ migrations: [{ id, sql, when? }], outOfOrder? }` applies what is pending and answers with the
 * MigrationReport; with `{ statements: ['CREATE …'] }` it runs these alone, as one migration that leaves no trace in the
 * ledger, and answers `{ applied }` with their number. `GET /migrate` answers `{ applied }` with the ledger's rows,
 * oldest first.
 * @throws READ_ONLY, NOT_AUTHORIZED, MIGRATION_FAILED, MIGRATION_DRIFT, MIGRATION_INVALID, LIMIT_EXCEEDED
 */
export async function migrateDatabase(
  request: Request,
  {
    db,
    grant,
    limits,
    ctx,
    check,
  }: TransferContext & { readonly limits: Limits; check(script: string): void },
): Promise<Response> {
  if (grant.tables) throw new DosqlError('NOT_AUTHORIZED', 'Access to some tables is none to the schema.');
  if (request.method === 'GET') {
    if (!grant.read) throw new DosqlError('NOT_AUTHORIZED', 'This token may not read.');
    return Response.json({ applied: await enter(db.scope, () => applied(db.scope.engine.sql)) });
  }
  if (!grant.write) throw new DosqlError('READ_ONLY', 'This access is read-only.');
  const { migrations, statements, outOfOrder } = (await readJson(request, limits.body)) as Record<
    string,
    unknown
  >;
  const wanted = statements ?? migrations;
  const texts = Array.isArray(wanted) ? wanted.map((item) => (statements ? item : item?.sql)) : [undefined];
  if (!texts.every((text) => typeof text === 'string'))
    throw new DosqlError(
      'MIGRATION_INVALID',
      'The body is { migrations: [{ id, sql, when }] } or { statements: [sql] }.',
    );
  // Nobody reaches an internal table by way of a migration: what is checked is what will run, cut where it will be cut.
  const whole = texts.join(BETWEEN);
  for (const text of statements ? [whole] : texts) for (const piece of pieces(text)) check(piece);
  if (statements) return Response.json(await apply(db.scope.engine, ctx, whole));
  return Response.json(
    await db.migrate({ migrations: wanted as [], ...(outOfOrder === 'error' && { outOfOrder }) }),
  );
}

/** drizzle's own migrators leave columns out. */
function applied(sql: SqlStorage): AppliedMigration[] {
  const columns = drain(sql.exec("SELECT name FROM pragma_table_info('__drizzle_migrations')")).map(
    ([name]) => name,
  );
  if (columns.length === 0) return [];
  const optional = ['name', 'applied_at'].map((name) => (columns.includes(name) ? name : 'NULL'));
  const rows = drain(
    sql.exec(`SELECT hash,created_at,${optional.join(',')} FROM __drizzle_migrations ORDER BY rowid`),
  ) as [string, number, string | null, string | null][];
  return rows.map(([hash, when, name, appliedAt]) => ({ name, hash, when, appliedAt }));
}

/** What `dosql push` found to be different: all of it or nothing, and no row of another table is lost by a rebuild. */
async function apply(
  engine: Engine,
  ctx: DurableObjectState | undefined,
  sql: string,
): Promise<{ applied: number }> {
  const script = parseScript(engine, { id: 'push', sql, hash: '', when: undefined });
  const rebuild = needsRebuild(engine, script);
  const run = () => atomically(engine, () => runScript(engine, script, rebuild));
  await (rebuild
    ? alone(engine, ctx, () => withoutForeignKeys(engine, ctx, run))
    : engine.lock.exclusive(run));
  return { applied: script.plans.length };
}
