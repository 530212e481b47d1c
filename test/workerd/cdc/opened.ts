import { DB } from '../../../src/index.ts';
import { type ChangeLogOptions, changeLog } from '../../../src/wal/index.ts';

/** A database that tracks all tables, with `items` in it. */
export async function opened(storage: DurableObjectStorage, options: Partial<ChangeLogOptions> = {}) {
  const db = await DB('shop', { storage, extensions: [changeLog({ tables: '*', ...options })] });
  await db.run('CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, sku TEXT, qty INTEGER)');
  return db;
}

export type Opened = Awaited<ReturnType<typeof opened>>;
