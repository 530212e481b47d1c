import { describe, expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';

describe('a migration that fails behind a rebuilt table', () => {
  it('leaves the log as it was, also in memory', () =>
    inObject(async (storage, ctx) => {
      const one = {
        id: '1',
        sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, n REAL, a INTEGER); CREATE TABLE u (a)',
      };
      const db = await DB('t', {
        storage,
        ctx,
        migrations: [one],
        extensions: [changeLog({ tables: '*' }), timeTravel()],
      });
      await db.run('INSERT INTO t VALUES (1, 1, 5)');
      await db.run('INSERT INTO u VALUES (1), (1)');
      const { lsn } = db.log.head();
      const rebuild =
        'PRAGMA foreign_keys=OFF; CREATE TABLE __new_t (id INTEGER PRIMARY KEY, n REAL, a TEXT); INSERT INTO __new_t SELECT * FROM t; DROP TABLE t; ALTER TABLE __new_t RENAME TO t; CREATE UNIQUE INDEX i ON u (a)';
      const failing = db.migrate([one, { id: '2', sql: rebuild }]);
      await expect(failing).rejects.toMatchObject({ code: 'MIGRATION_FAILED' });
      await db.migrate([one, { id: '2', sql: 'ALTER TABLE t DROP COLUMN n' }]);
      await db.run('UPDATE t SET a = 6');
      expect(db.asOf({ lsn }).querySync('SELECT * FROM t').rows).toEqual([{ id: 1, a: 5 }]);
    }));
});
