import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';

const FIRST = {
  id: '1',
  sql: 'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, x TEXT UNIQUE ON CONFLICT REPLACE)',
};
const REBUILD = {
  id: '2',
  sql: "CREATE TABLE __new_b (id INTEGER PRIMARY KEY, x TEXT UNIQUE); INSERT INTO __new_b SELECT * FROM b; DROP TABLE b; ALTER TABLE __new_b RENAME TO b; INSERT INTO a VALUES (2); INSERT INTO b VALUES (2, 'y')",
};

describe('a newer deployment of an object with a log', () => {
  it('may name a table that only its own migrations make one that can be tracked', async () => {
    const stub = freshStub();
    await inObject(async (storage) => {
      const extensions = [changeLog({ tables: ['a'] })] as const;
      const db = await DB('t', { storage, migrations: [FIRST], extensions });
      await db.batch(['INSERT INTO a VALUES (1)', "INSERT INTO b VALUES (1, 'x')"]);
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const extensions = [changeLog({ tables: ['a', 'b'] })] as const;
      const refused = DB('t', { storage, migrations: [FIRST], extensions });
      await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_STATEMENT', table: 'b' });
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage) => {
      const extensions = [changeLog({ tables: ['a', 'b'] })] as const;
      const db = await DB('t', { storage, migrations: [FIRST, REBUILD], extensions });
      await db.run("UPDATE b SET x = 'z' WHERE id = 1");
      const { events } = await db.log.read();
      expect(
        events.filter(({ op }) => op !== 'schema').map(({ op, table, key }) => [op, table, key]),
      ).toEqual([
        ['insert', 'a', { id: 1 }],
        ['insert', 'b', { id: 1 }],
        ['insert', 'a', { id: 2 }],
        ['insert', 'b', { id: 2 }],
        ['update', 'b', { id: 1 }],
      ]);
    }, stub);
  });
});
