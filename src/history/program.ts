import type { SqlValue } from '../engine/values.ts';
import { DosqlError } from '../errors/index.ts';
import { foldName } from '../sql/identifier.ts';
import type { LogStore } from '../wal/store.ts';
import type { Rewritten } from './rewrite.ts';

/**
 * A reference that the rewriting missed opens a table which it must not: an error instead of present data.
 * @throws UNSUPPORTED_STATEMENT
 */
export function checkProgram(
  store: LogStore,
  { sql, tables }: Pick<Rewritten, 'sql' | 'tables'>,
  values: readonly SqlValue[],
  text: string,
): void {
  const { engine } = store;
  // As the statement itself: adapted to the platform's limits. workerd keeps prepared statements by their text, and EXPLAIN,
  // which does not run, never notices that the schema is another one.
  const program = { ...engine.bare(`EXPLAIN/*${store.version}*/${sql}`), text };
  const roots = new Map(store.all('SELECT rootpage,tbl_name FROM sqlite_master') as [number, string][]);
  for (const [, opcode, , root] of engine.all(program, values, 'number')) {
    if (opcode !== 'OpenRead' && opcode !== 'OpenWrite') continue;
    const name = roots.get(root as number) ?? 'sqlite_schema';
    if (tables.has(foldName(name)) || name.startsWith('_dosql_')) continue;
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `${name} was not recognised and would be read as it is now: put it in double quotes.`,
      { statement: text, table: name },
    );
  }
}
