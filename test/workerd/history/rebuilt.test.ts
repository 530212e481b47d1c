import { expect, it } from 'vitest';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';

it('a table that moved in the file is read as it was by the same statement', () =>
  inObject(async (storage) => {
    const db = await DB('moved', { storage, extensions: [changeLog({ tables: ['items'] }), timeTravel()] });
    await db.run('CREATE TABLE items (id INTEGER PRIMARY KEY)');
    await db.run('INSERT INTO items VALUES (1)');
    const { lsn } = db.log.head();
    for (let i = 0; i < 3; i++) {
      expect((await db.asOf({ lsn }).query('SELECT * FROM items')).rows).toEqual([{ id: 1 }]);
      await db.batch([
        'CREATE TABLE __new_items (id INTEGER PRIMARY KEY)',
        'INSERT INTO __new_items SELECT * FROM items',
        'DROP TABLE items',
        'ALTER TABLE __new_items RENAME TO items',
      ]);
    }
  }));
