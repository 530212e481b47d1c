import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { drizzle } from '../../../drizzle/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';

const CREATE = 'CREATE TABLE items (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, qty INTEGER, price REAL)';

async function opened(storage: DurableObjectStorage, options: Partial<Parameters<typeof changeLog>[0]> = {}) {
  const db = await DB('t', { storage, extensions: [changeLog({ tables: '*', ...options })] });
  return db;
}

describe('the change log', () => {
  it('gives every change with the row before and after it', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run(CREATE);
      const start = db.log.head().lsn;
      await db.run("INSERT INTO items VALUES (1, 'a', 5, 1.5)");
      await db.run('UPDATE items SET qty = 6 WHERE id = 1');
      await db.run('DELETE FROM items');
      const { events, to, done } = await db.log.read({ after: start });
      expect(done).toBe(true);
      expect(to).toBe(start + 3);
      expect(
        events.map(({ op, before, after, changed, key }) => ({ op, before, after, changed, key })),
      ).toEqual([
        { op: 'insert', key: { id: 1 }, before: null, after: { id: 1, sku: 'a', qty: 5, price: 1.5 } },
        {
          op: 'update',
          key: { id: 1 },
          before: { id: 1, sku: 'a', qty: 5, price: 1.5 },
          after: { id: 1, sku: 'a', qty: 6, price: 1.5 },
          changed: ['qty'],
        },
        { op: 'delete', key: { id: 1 }, before: { id: 1, sku: 'a', qty: 6, price: 1.5 }, after: null },
      ]);
    }));

  it('costs exactly one more written row per change', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE plain (id INTEGER PRIMARY KEY, a TEXT, b INTEGER)');
      expect((await db.run("INSERT INTO plain VALUES (1, 'x', 1)")).rowsWritten).toBe(2);
      expect((await db.run('UPDATE plain SET b = 2')).rowsWritten).toBe(2);
      expect((await db.run('DELETE FROM plain')).rowsWritten).toBe(2);
    }));

  it('does not change what a statement reports', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run(CREATE);
      expect(
        await db.run("INSERT INTO items VALUES (7, 'a', 1, 1), (9, 'b', 1, 1), (8, 'c', 1, 1)"),
      ).toMatchObject({
        changes: 3,
        lastInsertRowid: 8,
      });
      expect(await db.run('UPDATE items SET qty = 2')).toMatchObject({ changes: 3, lastInsertRowid: 8 });
    }));

  it('records a transaction of several changes as one, a single change without a row for it', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run(CREATE);
      const start = db.log.head().lsn;
      await db.run("INSERT INTO items VALUES (1, 'a', 1, 1)");
      await db.run("INSERT INTO items VALUES (2, 'b', 1, 1), (3, 'c', 1, 1)");
      await db.transaction(async (tx) => {
        await tx.run('UPDATE items SET qty = 2 WHERE id = 1');
        await Promise.resolve();
        await tx.run('DELETE FROM items WHERE id = 2');
        await tx.run('UPDATE items SET id = 4 WHERE id = 3');
      });
      await db.run('UPDATE items SET id = 5 WHERE id = 4');
      const { events } = await db.log.read({ after: start });
      const at = (n: number) => start + n;
      const id = (n: number) => `${db.log.head().epoch}.${at(n)}`;
      expect(events.map(({ lsn, op, tx }) => [lsn, op, tx])).toEqual([
        [at(1), 'insert', { id: id(1), index: 0, total: 1 }],
        [at(2), 'insert', { id: id(3), index: 0, total: 2 }],
        [at(3), 'insert', { id: id(3), index: 1, total: 2 }],
        [at(4), 'update', { id: id(7), index: 0, total: 4 }],
        [at(5), 'delete', { id: id(7), index: 1, total: 4 }],
        [at(7), 'update', { id: id(7), index: 3, total: 4 }],
        [at(9), 'update', { id: id(9), index: 1, total: 2 }],
      ]);
    }));

  it('tells the number of changes also behind a transaction', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const orm = drizzle(db);
      await db.run(CREATE);
      const insert = sql.raw("INSERT INTO items VALUES (7, 'a', 1, 1), (9, 'b', 1, 1), (8, 'c', 1, 1)");
      const result = await orm.transaction((tx) => tx.run(insert));
      expect(result).toMatchObject({ changes: 3, lastInsertRowid: 8 });
      const update = await orm.run(sql.raw('UPDATE items SET qty = 4'));
      expect(update.changes).toBe(3);
      const late = await orm.run(sql.raw('UPDATE items SET qty = 5 WHERE id = 7'));
      await (await db.log.consumer('c', { from: 'start' })).drain().then(({ ack }) => ack());
      expect(() => late.changes).toThrow(expect.objectContaining({ code: 'RESULT_EXPIRED' }));
    }));

  it('sees transactions of several changes in statements that could be one', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE k (id INTEGER PRIMARY KEY, a TEXT, b TEXT)');
      await db.run('CREATE INDEX k_a ON k (a)');
      await db.run('CREATE INDEX k_b ON k (b)');
      await db.run("INSERT INTO k VALUES (1, 'x', 'x')");
      await db.run("INSERT INTO k VALUES (2, 'x', 'x')");
      const totals = async (statement: string) => {
        const { lsn } = db.log.head();
        await db.run(statement);
        return (await db.log.read({ after: lsn })).events.map(({ tx }) => tx.total);
      };
      expect(await totals("UPDATE k SET a = 'y' WHERE id = 1")).toEqual([1]);
      expect(await totals("UPDATE k SET a = 'z', b = 'z' WHERE id = 1")).toEqual([1]);
      expect(await totals('UPDATE k SET a = a')).toEqual([2, 2]);
      expect(await totals('UPDATE k SET id = 3 WHERE id = 1')).toEqual([2]);
      expect(await totals('UPDATE k SET rowid = 4 WHERE id = 3')).toEqual([2]);
      expect(await totals("INSERT INTO k VALUES (2, 'a', 'b') ON CONFLICT DO UPDATE SET id = 9")).toEqual([
        2,
      ]);
      expect(await totals('DELETE FROM k WHERE id = 9')).toEqual([1]);
      expect(await totals("INSERT INTO k VALUES (5, 'a', 'a'), (6, 'a', 'a')")).toEqual([2, 2]);
      expect(await totals('DELETE FROM k WHERE id > 4')).toEqual([2, 2]);
    }));

  it('does not mistake what a text says, or what triggers write, for a single change', () =>
    inObject(async (storage) => {
      const db = await opened(storage, { exclude: ['plain'] });
      await db.run('CREATE TABLE k (id INTEGER PRIMARY KEY, a TEXT)');
      await db.run('CREATE TABLE plain (id INTEGER PRIMARY KEY)');
      await db.run('CREATE TABLE odd ("i""d" INTEGER PRIMARY KEY, a TEXT)');
      await db.run('CREATE VIEW v AS SELECT * FROM k');
      await db.run('INSERT INTO k VALUES (1, NULL)');
      await db.run('INSERT INTO odd VALUES (1, NULL)');
      // Each transaction is what its statement wrote, also in what follows it.
      const transactions = async (...statements: string[]) => {
        const { lsn } = db.log.head();
        for (const statement of statements) await db.run(statement);
        const { events } = await db.log.read({ after: lsn });
        return events.filter(({ op }) => op !== 'schema').map(({ tx }) => tx.total);
      };
      const two = 'INSERT INTO k (a) VALUES (1), (2)';
      expect(await transactions("UPDATE k SET a = 'somewhere', id = 5", two)).toEqual([2, 2, 2]);
      expect(await transactions('UPDATE k SET a = (SELECT 1 WHERE 1), id = 8 WHERE id = 5', two)).toEqual([
        2, 2, 2,
      ]);
      expect(await transactions('UPDATE odd SET "i""d" = 2', two)).toEqual([2, 2, 2]);
      await db.run('CREATE TRIGGER v_i INSTEAD OF INSERT ON v BEGIN INSERT INTO k (a) VALUES (NEW.a); END');
      expect(await transactions('INSERT INTO v VALUES (NULL, 1)', two)).toEqual([1, 2, 2]);
      await db.run('DROP TRIGGER v_i');
      await db.run('CREATE TRIGGER p_i INSERT ON plain BEGIN INSERT INTO k (a) VALUES (NEW.id); END');
      await db.run('INSERT INTO plain VALUES (1)');
      expect(await transactions('INSERT OR IGNORE INTO plain VALUES (1)', two)).toEqual([1, 2, 2]);
      await db.run('DROP TRIGGER p_i');
      await db.run('CREATE TRIGGER k_i BEFORE INSERT ON k BEGIN INSERT INTO plain VALUES (NULL); END');
      expect(await transactions('INSERT OR IGNORE INTO k (id) VALUES (8)', two)).toEqual([2, 2]);
    }));

  it('knows rows by the collation of their key, where it is not that of the column', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run(
        'CREATE TABLE p (a TEXT, b TEXT COLLATE RTRIM, v, PRIMARY KEY (a COLLATE NOCASE, b COLLATE BINARY)) WITHOUT ROWID',
      );
      await db.run("INSERT INTO p VALUES ('a', 'x', 1), ('a', 'x ', 2)");
      const { lsn } = db.log.head();
      await db.run("UPDATE p SET a = 'A' WHERE v = 1");
      const { events } = await db.log.read({ after: lsn });
      expect(events).toMatchObject([
        { op: 'update', before: { a: 'a', b: 'x', v: 1 }, after: { a: 'A', b: 'x', v: 1 }, changed: ['a'] },
      ]);
      const { rows } = await db.log.snapshot('p', { lsn });
      expect(rows.map(({ a, v }) => `${a} ${v}`).sort()).toEqual(['a 1', 'a 2']);
    }));
});
