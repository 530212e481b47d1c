import { type DrizzleConfig, is, Param, Placeholder } from 'drizzle-orm';
import { drizzle as remote, type SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy';
import type { Client } from '../src/client/connect.ts';
import { fromWire } from '../src/client/value.ts';
import { DosqlError } from '../src/errors/index.ts';
import { parseExact } from '../src/sql/json.ts';
import type { DrizzleRunResult } from './result.ts';

export type { DrizzleRunResult } from './result.ts';

/** A Drizzle database over a client: the same typed queries from outside of the object. */
export type DrizzleClientDatabase<TSchema extends Record<string, unknown> = Record<string, never>> = Omit<
  SqliteRemoteDatabase<TSchema>,
  'run' | 'transaction'
> & {
  run(query: Parameters<SqliteRemoteDatabase['run']>[0]): Promise<DrizzleRunResult>;
  readonly $client: Client;
};

type Prepared = {
  fields?: unknown;
  customResultMapper?: ((rows: unknown[][]) => unknown) | undefined;
  client: unknown;
  getQuery(): { sql: string; params: unknown[]; method?: string };
  mapResult(result: unknown, fromBatch: true): unknown;
};

/** A relational query: rows of relations are JSON in a column. */
interface Relational {
  _prepare(...how: unknown[]): Prepared;
  _toSQL(): { query: { selection: readonly { isJson: boolean; tsKey: string }[] } };
}
type Find = (config?: unknown) => Relational;

interface Session {
  prepareQuery(query: { params: unknown[] }, ...how: unknown[]): Prepared;
  batch(queries: readonly { _prepare(): Prepared }[]): Promise<unknown[]>;
  transaction(): Promise<never>;
}

/**
 * A Drizzle database over `connect(…)`. Every query is one request; `batch` is one request and one transaction. There
 * is no `transaction`: across requests it would hold up the object for as long as the network takes.
 */
export function drizzle<TSchema extends Record<string, unknown> = Record<string, never>>(
  client: Client,
  config: DrizzleConfig<TSchema> = {},
): DrizzleClientDatabase<TSchema> {
  // Arrays for what drizzle maps to fields, objects for SQL that it knows no fields of.
  const asking = (rows: 'values' | 'object') => async (sql: string, params: never[], method: string) =>
    answer(await client.run(sql, params, { rows: method === 'values' ? method : rows }), method);
  // Given as the second argument, the configuration would lose its casing. Batches go their own way, below.
  const db = remote(asking('values') as never, asking as never, config);
  const session = (db as unknown as { session: Session }).session;
  const prepare = session.prepareQuery.bind(session);
  session.prepareQuery = (query, ...how) => {
    const prepared = prepare({ ...query, params: query.params.map(nullable) }, ...how);
    if (!mapped(prepared)) prepared.client = asking('object');
    return prepared;
  };
  session.batch = async (queries) => {
    const prepared = queries.map((query) => query._prepare());
    const built = prepared.map((query) => query.getQuery());
    const found = await client.batch(
      built.map(({ sql, params }) => [sql, params as never[]] as const),
      { rows: 'values' },
    );
    return prepared.map((query, i) => {
      const { columns, rows, ...rest } = found[i]!;
      const { method } = built[i]!;
      const knows = mapped(query);
      const named =
        knows || method === 'values'
          ? rows
          : (rows as unknown as unknown[][]).map((row) =>
              Object.fromEntries(row.map((value, c) => [columns[c], value])),
            );
      // drizzle takes the first row of raw SQL itself.
      return query.mapResult(answer({ ...rest, rows: named }, knows ? method : ''), true);
    });
  };
  session.transaction = async () => {
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      'A client has no transactions across requests. Use db.batch([…]), which is one, or a method of your object.',
    );
  };
  for (const builder of Object.values(db.query ?? {}) as Record<string, Find>[])
    for (const name of ['findMany', 'findFirst']) builder[name] = exact(client, builder[name]!.bind(builder));
  return Object.assign(db, { $client: client }) as never;
}

/** Integers of related rows are what they are anywhere else; drizzle's own reading of JSON would round large ones. */
function exact(client: Client, find: Find): Find {
  return (config) => {
    const query = find(config);
    const prepare = query._prepare.bind(query);
    query._prepare = (...how) => {
      const prepared = prepare(...how);
      const { selection } = query._toSQL().query;
      const map = prepared.customResultMapper!;
      prepared.customResultMapper = (rows) =>
        map(
          rows.map((row) =>
            row.map((value, i) => {
              const { isJson, tsKey } = selection[i]!;
              if (!isJson || typeof value !== 'string') return value;
              if (client.integers === 'number') return JSON.parse(value);
              return parseExact(value, (digits) => fromWire({ $int: digits }, client.integers, tsKey));
            }),
          ),
        );
      return prepared;
    };
    return query;
  };
}

/** null for a placeholder is NULL, as in the object: the encoders of json and timestamp columns know no null. */
function nullable(param: unknown): unknown {
  if (!is(param, Param) || !is(param.value, Placeholder)) return param;
  const { value, encoder } = param;
  return new Param(value, {
    mapToDriverValue: (given) => (given === null ? null : encoder.mapToDriverValue(given)),
  });
}

function mapped({ fields, customResultMapper }: Prepared): boolean {
  return Boolean(fields || customResultMapper);
}

/** A result in the shape that each method expects. */
function answer(result: { rows: unknown[]; changes: number }, method?: string): { rows: never[] } {
  const rows = method === 'get' ? result.rows[0] : result.rows;
  return { ...result, rowsAffected: result.changes, rows } as never;
}
