import { DB } from '../../../src/index.ts';
import { type ChangeLogOptions, changeLog } from '../../../src/wal/index.ts';

export const open = (storage: DurableObjectStorage, options: Partial<ChangeLogOptions> = {}) =>
  DB('t', { storage, extensions: [changeLog({ tables: '*', ...options })] });
export type Logged = Awaited<ReturnType<typeof open>>;

/** `op table before → after` of every row change behind an LSN. */
export async function changesAfter(db: Logged, after: number): Promise<string[]> {
  const { events } = await db.log.read({ after, limit: 10_000 });
  const text = (row: object | null) => (row ? Object.values(row).map(String).join(' ') : '-');
  return events
    .filter(({ op }) => op !== 'schema' && op !== 'message')
    .map(({ op, table, before, after }) => `${op} ${table}: ${text(before)} → ${text(after)}`);
}
