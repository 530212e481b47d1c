import { stripVTControlCharacters } from 'node:util';
import type { Client } from '../src/client/connect.ts';
import { DosqlError, isDosqlError } from '../src/errors/index.ts';
import { quoteIdentifier, unquoteIdentifier } from '../src/sql/identifier.ts';
import { withDefaults } from './defaults.ts';
import { project } from './kit.ts';
import { type Described, withRules } from './references.ts';
import { renamesIn, withRenames } from './renames.ts';
import { expressionsOf, type Present, withoutRepeated, withoutUnchanged } from './unchanged.ts';

/** What would make a database equal to a schema. */
export interface Plan {
  readonly statements: readonly string[];
  /** What drizzle-kit warns of. */
  readonly warnings: readonly string[];
  /** Rows or columns with values would go. */
  readonly losesData: boolean;
}

interface Pushed {
  hasDataLoss: boolean;
  warnings: string[];
  statementsToExecute: string[];
}

interface Chunks {
  queryChunks: { value: string[] }[];
}

/** Compares the database with the tables of `schema`, through drizzle-kit. @throws DosqlError */
export async function planPush(client: Client, schema: Record<string, unknown>): Promise<Plan> {
  const { pushSQLiteSchema, generateSQLiteDrizzleJson } = project('drizzle-kit/api') as {
    generateSQLiteDrizzleJson(schema: Record<string, unknown>): Promise<Described>;
    pushSQLiteSchema(schema: Record<string, unknown>, database: unknown): Promise<Pushed>;
  };
  const hidden = await virtualTables(client);
  const ask = async (query: Chunks) => {
    const text = query.queryChunks.map(({ value }) => value.join('')).join('');
    const { rows } = await client
      .query<Record<string, unknown>>(text, [], { integers: 'number' })
      .catch(counted(text));
    // drizzle-kit knows no virtual tables: it would drop them.
    return rows.filter(({ tableName, name }) => !hidden.has(`${tableName ?? name}`));
  };
  const { found, printed } = await silently(() => pushSQLiteSchema(schema, { all: ask, run: ask }));
  const { statements: said, warnings } = withRenames(
    withDefaults({
      statements: found.statementsToExecute.map((text) => text.trim().replace(/;$/, '')),
      warnings: found.warnings.map((text) => stripVTControlCharacters(text).replace(/^\W+/, '')),
    }),
    renamesIn(printed),
  );
  const described = await generateSQLiteDrizzleJson(schema);
  const statements = withoutRepeated(expressionsOf(withRules(said, described)));
  const { rows } = await client.query<Present>(
    'SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL',
  );
  const changing = withoutUnchanged(
    statements.filter((text) => !/^pragma\s+foreign_keys/i.test(text)),
    rows,
  );
  return {
    statements: await copyWhatIsThere(client, changing),
    warnings,
    losesData: found.hasDataLoss && warnings.length > 0,
  };
}

async function virtualTables(client: Client): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT name FROM pragma_table_list WHERE type IN('virtual','shadow')",
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * drizzle-kit counts the rows of a table that is to be renamed by its new name. A column may have values then; were
 * there no room for the rows, they would fail the push.
 */
function counted(query: string): (error: unknown) => { rows: Record<string, unknown>[] } {
  return (error) => {
    if (!isDosqlError(error, 'NO_SUCH_TABLE') || !/^select count\(/.test(query)) throw error;
    return { rows: [{ count: query.startsWith('select count(*)') ? 0 : 1 }] };
  };
}

/** drizzle-kit reports to standard output, which is the command's own. */
async function silently<T>(work: () => Promise<T>): Promise<{ found: T; printed: string }> {
  const { write } = process.stdout;
  let printed = '';
  process.stdout.write = ((...text: Parameters<typeof write>) => {
    printed += text[0];
    return process.stderr.write(...text);
  }) as typeof write;
  try {
    const found = await work();
    return { found, printed };
  } catch (cause) {
    throw cause instanceof DosqlError
      ? cause
      : new DosqlError('INVALID_ARGUMENT', `drizzle-kit failed: ${(cause as Error).message}`, { cause });
  } finally {
    process.stdout.write = write;
  }
}

const COPY = /^INSERT INTO `__new_(.+?)`\((.+?)\) SELECT (.+?) FROM `(.+?)`$/s;

/**
 * drizzle-kit copies every column of the new table. SQLite takes the name of one that the old table lacks for a text,
 * and refuses a generated one: only what both have is copied.
 */
async function copyWhatIsThere(client: Client, statements: readonly string[]): Promise<string[]> {
  const fixed: string[] = [];
  for (const text of statements) {
    const [, table, listed] = COPY.exec(text) ?? [];
    if (table === undefined || listed === undefined) {
      fixed.push(text);
      continue;
    }
    const renamed = (pattern: RegExp) => statements.flatMap((statement) => [...statement.matchAll(pattern)]);
    const before = renamed(/^ALTER TABLE `(.+?)` RENAME TO `(.+?)`$/g).find(
      ([, from, to]) => to === table && !from!.startsWith('__new_'),
    );
    const { rows } = await client.query<{ name: string }>('SELECT name FROM pragma_table_xinfo(?)', [
      before?.[1] ?? table,
    ]);
    const there = new Set(rows.map(({ name }) => name));
    for (const [, of, , to] of renamed(/^ALTER TABLE `(.+?)` RENAME COLUMN ["`](.+?)["`] TO ["`](.+?)["`]$/g))
      if (of === table) there.add(to!);
    const created =
      statements.find((statement) => statement.startsWith(`CREATE TABLE \`__new_${table}\``)) ?? '';
    const columns = (listed.match(/"[^"]*"/g) ?? [])
      .map(unquoteIdentifier)
      .filter((column) => there.has(column) && !isGenerated(created, column))
      .map(quoteIdentifier)
      .join(', ');
    if (columns) fixed.push(`INSERT INTO \`__new_${table}\`(${columns}) SELECT ${columns} FROM \`${table}\``);
  }
  return fixed;
}

function isGenerated(created: string, column: string): boolean {
  const line = created.split('\n').find((text) => text.trim().startsWith(`\`${column}\` `));
  return line !== undefined && /\bGENERATED ALWAYS AS\b/i.test(line);
}
