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

describe('the log of an object', () => {
  const tables = { id: '1', sql: 'CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)' };
  const drop = { id: '2', sql: 'ALTER TABLE a DROP COLUMN x' };

  it('is ended by a deployment that names no table, and no other', async () => {
    const stub = freshStub();
    const deploy = async (named: string[] | undefined, ...migrations: object[]) => {
      await inObject(() => {}, stub);
      await evictDurableObject(stub);
      return inObject(async (storage) => {
        const extensions = named ? [changeLog({ tables: named })] : [];
        const db = await DB('t', { storage, migrations: [tables, ...migrations] as never, extensions });
        await db.run('INSERT INTO a (id) VALUES (NULL)');
        return (await db.query("SELECT count(*) AS n FROM sqlite_master WHERE type = 'trigger'")).rows[0];
      }, stub);
    };
    expect(await deploy(['a'])).toEqual({ n: 3 });
    await expect(deploy(undefined, drop)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('changeLog({ tables: [] })'),
    });
    expect(await deploy([], drop)).toEqual({ n: 0 });
    expect(await deploy(undefined, drop)).toEqual({ n: 0 });
    await inObject((storage) => {
      for (const { name } of storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name GLOB '_dosql_*'")
        .toArray())
        storage.sql.exec(`DROP TABLE ${name}`);
    }, stub);
    expect(await deploy(['a'], drop)).toEqual({ n: 3 });
  });
});
