import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';

export const open = (storage: DurableObjectStorage, options: Partial<Parameters<typeof changeLog>[0]> = {}) =>
  DB('shop', { storage, extensions: [changeLog({ tables: '*', ...options }), timeTravel()] });
export type Shop = Awaited<ReturnType<typeof open>>;

/**
 * An inventory with a history of one morning in January. LSN 1 is the beginning of capture; the times of the entries are
 * set by hand: nobody waits for them.
 *
 *     08:00  apples 5                      (LSN 2)
 *     09:30  apples 7, and pears 1         (LSN 3, 4: one transaction)
 *     10:00  pears gone                    (LSN 5)
 *     11:00  apples 9                      (LSN 6)
 */
export async function inventory(storage: DurableObjectStorage, keyIndex = false): Promise<Shop> {
  const db = await open(storage, { keyIndex });
  await db.run('CREATE TABLE inventory (id INTEGER PRIMARY KEY, name TEXT UNIQUE, qty INTEGER)');
  await db.run("INSERT INTO inventory VALUES (1, 'apples', 5)");
  await db.batch(['UPDATE inventory SET qty = 7', "INSERT INTO inventory VALUES (2, 'pears', 1)"]);
  await db.run('DELETE FROM inventory WHERE id = 2');
  await db.run('UPDATE inventory SET qty = 9');
  const times = ['07:00:00', '08:00:00', '09:29:59.999', '09:30:00', '10:00:00', '11:00:00'];
  times.forEach((time, i) => {
    storage.sql.exec('UPDATE _dosql_log SET ts = ? WHERE lsn = ?', Date.parse(`2026-01-22T${time}Z`), i + 1);
  });
  return db;
}

/** `name qty` of every row, in order. */
export function stock(rows: readonly Record<string, unknown>[]): string[] {
  return rows.map((row) => `${row['name']} ${row['qty']}`);
}
