import { type Client, createClient, type LibsqlError } from '@libsql/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tenants } from './tenants.ts';

let tenants: Tenants;
beforeAll(async () => {
  tenants = await Tenants.start();
}, 60_000);
afterAll(() => tenants.stop());

const ITEMS =
  'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL, data BLOB, n INTEGER)';

/** A client of a new database with the table of items. */
async function open(intMode: 'number' | 'bigint' = 'number'): Promise<Client & { url: string }> {
  const { url, token } = await tenants.create();
  const client = createClient({ url, authToken: token, intMode });
  await client.execute(ITEMS);
  return Object.assign(client, { url });
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: LibsqlError) => error.code,
  );

test('execute: rows by name and position, rows changed, the last rowid', async () => {
  const client = await open();
  const written = await client.execute({
    sql: 'INSERT INTO items (name, price) VALUES (?, ?)',
    args: ['a', 1.5],
  });
  expect([written.rowsAffected, written.lastInsertRowid]).toEqual([1, 1n]);
  const { columns, rows } = await client.execute('SELECT id, name, price, name FROM items');
  expect(columns).toEqual(['id', 'name', 'price', 'name']);
  expect([...Array(4).keys()].map((i) => rows[0]![i])).toEqual([1, 'a', 1.5, 'a']);
  expect(rows[0]!['name']).toBe('a');
  const returned = await client.execute(
    "INSERT INTO items (name, price) VALUES ('b', 2) RETURNING id, name, price",
  );
  expect({ ...returned.rows[0] }).toMatchObject({ id: 2, name: 'b', price: 2 });
});

test('arguments by position, by number and by name', async () => {
  const client = await open();
  const one = async (sql: string, args: NonNullable<Parameters<Client['execute']>[1]>) =>
    Array.from((await client.execute({ sql, args })).rows[0]! as unknown as ArrayLike<unknown>);
  expect(await one('SELECT ?, ?', ['a', 'b'])).toEqual(['a', 'b']);
  expect(await one('SELECT ?2, ?1, ?2', ['a', 'b'])).toEqual(['b', 'a', 'b']);
  expect(await one('SELECT :a, @b, $c', { a: 'x', b: 'y', c: 'z' })).toEqual(['x', 'y', 'z']);
  expect(await one('SELECT :a, :a', { ':a': 'x' })).toEqual(['x', 'x']);
  expect(await codeOf(client.execute({ sql: 'SELECT ?', args: [] }))).toBe('PARAMETER_COUNT');
  expect(await codeOf(client.execute({ sql: 'SELECT ?', args: [1, 2] }))).toBe('PARAMETER_COUNT');
  expect(await codeOf(client.execute({ sql: 'SELECT :a', args: { b: 1 } }))).toBe('PARAMETER_COUNT');
});

test('values: integers of 64 bits, floats that stay floats, BLOBs, booleans, dates, text', async () => {
  const client = await open('bigint');
  const values = [
    9223372036854775807n,
    -9223372036854775808n,
    9007199254740993n,
    5n,
    5,
    0.1,
    'é🎈',
    null,
    true,
  ];
  const { rows } = await client.execute({
    sql: `SELECT ${values.map((_, i) => `? AS c${i}, typeof(?${i + 1}) AS t${i}`).join(', ')}`.replaceAll(
      /\? AS c(\d+)/g,
      (_, i) => `?${Number(i) + 1} AS c${i}`,
    ),
    args: values,
  });
  const row = rows[0]!;
  expect(values.map((_, i) => row[`c${i}`])).toEqual([...values.slice(0, 8), 1n]);
  expect(values.map((_, i) => row[`t${i}`])).toEqual(
    'integer integer integer integer real real text null integer'.split(' '),
  );
  const blob = new Uint8Array([0, 1, 255]);
  const date = new Date('2026-01-02T03:04:05.678Z');
  const found = await client.execute({ sql: 'SELECT ? AS b, ? AS d', args: [blob, date] });
  expect(new Uint8Array(found.rows[0]!['b'] as ArrayBuffer)).toEqual(blob);
  // libSQL's client sends a date as milliseconds.
  expect(found.rows[0]!['d']).toBe(date.valueOf());
  await client.execute({ sql: 'INSERT INTO items (price, n) VALUES (?, ?)', args: [5, 9007199254740993n] });
  expect({ ...(await client.execute('SELECT price, n, 9e999 AS inf FROM items')).rows[0] }).toMatchObject({
    price: 5,
    n: 9007199254740993n,
    inf: Number.POSITIVE_INFINITY,
  });
  // A client that wants numbers refuses one it could not hold, as it always does.
  await expect((await open()).execute('SELECT 9007199254740993 AS n')).rejects.toThrow('too large');
});

test('a batch is all or nothing', async () => {
  const client = await open();
  const results = await client.batch(
    [
      { sql: 'INSERT INTO items (name) VALUES (?)', args: ['a'] },
      { sql: 'INSERT INTO items (name) VALUES (:n)', args: { n: 'b' } },
      'SELECT count(*) AS n FROM items',
    ],
    'write',
  );
  expect(results[2]!.rows[0]!['n']).toBe(2);
  expect(
    await codeOf(
      client.batch(["INSERT INTO items (name) VALUES ('c')", "INSERT INTO items (name) VALUES ('a')"]),
    ),
  ).toBe('SQLITE_CONSTRAINT');
  expect((await client.execute('SELECT count(*) AS n FROM items')).rows[0]!['n']).toBe(2);
});

test('migrate rebuilds a table that others refer to, and keeps their rows, triggers and indexes', async () => {
  const client = await open();
  await client.executeMultiple(`
    CREATE TABLE parts (id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES items(id) ON DELETE CASCADE);
    CREATE TABLE log (what TEXT);
    CREATE TRIGGER logged AFTER UPDATE ON items BEGIN INSERT INTO log VALUES (new.name); END;
    INSERT INTO items (id, name) VALUES (1, 'a'), (2, 'b');
    INSERT INTO parts (item) VALUES (1), (1), (2);
  `);
  const rebuild = [
    'CREATE TABLE __new_items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL)',
    'INSERT INTO __new_items (id, name, price) SELECT id, name, price FROM items',
    'DROP TABLE items',
    'ALTER TABLE __new_items RENAME TO items',
  ];
  await client.migrate(rebuild);
  const count = async (table: string) =>
    (await client.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0]!['n'];
  expect([await count('items'), await count('parts')]).toEqual([2, 3]);
  await client.execute("UPDATE items SET name = 'c' WHERE id = 1");
  expect(await count('log')).toBe(1);
  expect(await codeOf(client.execute('INSERT INTO parts (item) VALUES (9)'))).toBe('SQLITE_CONSTRAINT');
  const unknown = rebuild.map((sql) =>
    sql.replace(
      /\(id, name, price\) SELECT.*/,
      '("id", "name", "cost") SELECT "id", "name", "cost" FROM items',
    ),
  );
  unknown[0] = 'CREATE TABLE __new_items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cost REAL)';
  await expect(client.migrate(unknown)).rejects.toThrow('no such column: cost');
  const renamed = [
    'ALTER TABLE items RENAME TO older',
    'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL)',
    'INSERT INTO items SELECT id, name FROM older',
    'DROP TABLE older',
  ];
  await expect(client.batch(renamed, 'write')).rejects.toThrow('foreign keys followed items to older');
  // The client stores a text that it may run again, in the request that runs it.
  await client.batch(rebuild, 'write');
  expect([await count('items'), await count('parts')]).toEqual([2, 3]);
  // A trigger that is dropped on purpose does not come back.
  await client.execute(
    'CREATE TRIGGER "on change" AFTER UPDATE ON items BEGIN INSERT INTO log VALUES (1); END',
  );
  await client.migrate(['DROP TRIGGER "on change";', 'DROP TRIGGER logged', ...rebuild]);
  expect(await count("sqlite_master WHERE type = 'trigger'")).toBe(0);
  // Half of it is nothing of it.
  await expect(client.migrate([...rebuild, 'SELECT nothing'])).rejects.toThrow('nothing');
  expect((await client.execute("SELECT name FROM sqlite_master WHERE name = '__new_items'")).rows).toEqual(
    [],
  );
  // Rows that would be left without their parent.
  await expect(client.migrate(['DELETE FROM items WHERE id = 1'])).rejects.toThrow('FOREIGN KEY');
  expect([await count('items'), await count('parts')]).toEqual([2, 3]);
});

test("libSQL's ALTER COLUMN rebuilds the table", async () => {
  const client = await open();
  await client.executeMultiple(`
    CREATE INDEX by_price ON items (price);
    CREATE TABLE parts (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items(id) ON DELETE CASCADE);
    INSERT INTO items (id, name, price) VALUES (1, 'a', 1), (2, 'b', 2);
    INSERT INTO parts (item) VALUES (1), (2);
  `);
  await client.migrate([
    'ALTER TABLE `items` ALTER COLUMN "price" TO "price" integer NOT NULL DEFAULT 7',
    'ALTER TABLE `items` ALTER COLUMN "name" TO "name" text NOT NULL',
  ]);
  await client.execute("INSERT INTO items (name) VALUES ('c')");
  const { rows } = await client.execute('SELECT id, name, price, typeof(price) AS t FROM items ORDER BY id');
  expect(rows.map((row) => ({ ...row }))).toMatchObject([
    { id: 1, price: 1, t: 'integer' },
    { id: 2, price: 2 },
    { id: 3, price: 7 },
  ]);
  expect((await client.execute('SELECT count(*) AS n FROM parts')).rows[0]!['n']).toBe(2);
  expect(await codeOf(client.execute("INSERT INTO items (name) VALUES ('c')"))).toBe('SQLITE_CONSTRAINT');
  expect(
    (await client.execute("SELECT count(*) AS n FROM pragma_index_list('items') WHERE name = 'by_price'"))
      .rows[0]!['n'],
  ).toBe(1);
  // A row that does not fit: nothing happens.
  await client.execute('INSERT INTO parts (item) VALUES (NULL)');
  expect(await codeOf(client.migrate(['ALTER TABLE parts ALTER COLUMN item TO item integer NOT NULL']))).toBe(
    'SQLITE_CONSTRAINT',
  );
  expect((await client.execute('SELECT count(*) AS n FROM parts')).rows[0]!['n']).toBe(3);
});

test('a rebuilt table goes on with AUTOINCREMENT behind the rows that were deleted', async () => {
  const client = await open();
  await client.executeMultiple(`
    CREATE TABLE tickets (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
    INSERT INTO tickets (name) VALUES ('a'), ('b');
    DELETE FROM tickets WHERE id = 2;
  `);
  await client.migrate(['ALTER TABLE tickets ALTER COLUMN name TO name text NOT NULL']);
  const { rows } = await client.execute("INSERT INTO tickets (name) VALUES ('c') RETURNING id");
  expect(rows[0]!['id']).toBe(3);
});

test('an interactive transaction sees its own rows, nobody else does, and it can end either way', async () => {
  const client = await open();
  const tx = await client.transaction('write');
  const { lastInsertRowid } = await tx.execute("INSERT INTO items (name) VALUES ('a')");
  expect(lastInsertRowid).toBe(1n);
  expect((await tx.execute('SELECT count(*) AS n FROM items')).rows[0]!['n']).toBe(1);
  expect((await client.execute('SELECT count(*) AS n FROM items')).rows[0]!['n']).toBe(0);
  // An error is of its statement alone.
  expect(await codeOf(tx.execute("INSERT INTO items (id, name) VALUES (1, 'b')"))).toBe('SQLITE_CONSTRAINT');
  await tx.execute("INSERT INTO items (name) VALUES ('b')");
  await tx.commit();
  expect((await client.execute('SELECT count(*) AS n FROM items')).rows[0]!['n']).toBe(2);
  const other = await client.transaction();
  await other.execute('DELETE FROM items');
  await other.rollback();
  const third = await client.transaction();
  await third.execute('DELETE FROM items');
  third.close();
  expect((await client.execute('SELECT count(*) AS n FROM items')).rows[0]!['n']).toBe(2);
});

test('savepoints of an interactive transaction', async () => {
  const client = await open();
  const tx = await client.transaction('write');
  await tx.execute("INSERT INTO items (name) VALUES ('a')");
  await tx.execute('SAVEPOINT one');
  await tx.execute("INSERT INTO items (name) VALUES ('b')");
  await tx.execute('SAVEPOINT two');
  await tx.execute("INSERT INTO items (name) VALUES ('c')");
  await tx.execute('ROLLBACK TO one');
  await tx.execute("INSERT INTO items (name) VALUES ('d')");
  await tx.execute('RELEASE one');
  await tx.execute('SAVEPOINT three');
  await tx.execute("INSERT INTO items (name) VALUES ('e')");
  await tx.execute('RELEASE SAVEPOINT three');
  expect(await codeOf(tx.execute('RELEASE three'))).toBe('SQLITE_ERROR');
  await tx.commit();
  const { rows } = await client.execute('SELECT name FROM items ORDER BY id');
  expect(rows.map((row) => row['name'])).toEqual(['a', 'd', 'e']);
});

test('of two transactions in conflict the second fails with SQLITE_BUSY; others do not disturb each other', async () => {
  const client = await open();
  await client.execute("INSERT INTO items (id, name, n) VALUES (1, 'a', 0), (2, 'b', 0)");
  const [first, second] = [await client.transaction(), await client.transaction()];
  const read = 'SELECT n FROM items WHERE id = 1';
  expect((await first.execute(read)).rows[0]!['n']).toBe(0);
  expect((await second.execute(read)).rows[0]!['n']).toBe(0);
  await first.execute('UPDATE items SET n = n + 1 WHERE id = 1');
  await first.commit();
  expect(await codeOf(second.execute('UPDATE items SET n = n + 1 WHERE id = 1'))).toBe('SQLITE_BUSY');
  expect(await codeOf(second.execute('SELECT 1'))).toBe('SQLITE_BUSY');
  expect(await codeOf(second.commit())).toBe('SQLITE_BUSY');
  const [third, fourth] = [await client.transaction(), await client.transaction()];
  await third.execute('UPDATE items SET n = n + 10 WHERE id = 1');
  await fourth.execute('UPDATE items SET n = n + 10 WHERE id = 2');
  await third.commit();
  await fourth.commit();
  const { rows } = await client.execute('SELECT n FROM items ORDER BY id');
  expect(rows.map((row) => row['n'])).toEqual([11, 10]);
});

test('many clients that increment one number lose no increment', async () => {
  const client = await open();
  await client.execute("INSERT INTO items (id, name, n) VALUES (1, 'a', 0)");
  let done = 0;
  const increment = async (): Promise<void> => {
    const tx = await client.transaction('write');
    try {
      const n = (await tx.execute('SELECT n FROM items WHERE id = 1')).rows[0]!['n'] as number;
      await tx.execute({ sql: 'UPDATE items SET n = ? WHERE id = 1', args: [n + 1] });
      await tx.commit();
      done++;
    } catch (error) {
      expect((error as LibsqlError).code).toBe('SQLITE_BUSY');
      await tx.rollback();
      await increment();
    }
  };
  await Promise.all(Array.from({ length: 10 }, increment));
  expect(done).toBe(10);
  expect((await client.execute('SELECT n FROM items')).rows[0]!['n']).toBe(10);
});

test('a wrong token is an error of its own', async () => {
  const { url } = await tenants.create();
  await expect(createClient({ url, authToken: 'wrong' }).execute('SELECT 1')).rejects.toThrow(/valid token/);
  const reader = await tenants.create('reader', 'read');
  const client = createClient({ url: reader.url, authToken: reader.token });
  expect((await client.execute('SELECT 1 AS n')).rows[0]!['n']).toBe(1);
  expect(await codeOf(client.execute('CREATE TABLE t (a)'))).toBe('SQLITE_READONLY');
  const tx = await client.transaction('read');
  expect(await codeOf(tx.execute('CREATE TABLE t (a)'))).toBe('SQLITE_READONLY');
});
