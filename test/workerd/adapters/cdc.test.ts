import { eq, sql } from 'drizzle-orm';
import { blob, integer, numeric, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { describe, expect, test } from 'vitest';
import { type Batch, changes, outbox } from '../../../adapters/cdc.ts';
import { drizzle } from '../../../drizzle/index.ts';
import { drizzle as drizzleSync } from '../../../drizzle/sync.ts';
import { type Database, DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { posts, schema, seed, users } from '../drizzle/schema.ts';
import { inObject } from '../object.ts';

async function open(storage: DurableObjectStorage) {
  seed(storage);
  const database = await DB('t', { storage, extensions: [changeLog({ tables: '*' })] });
  return drizzle(database, { schema });
}
type Db = Awaited<ReturnType<typeof open>>;
const inDb = <T>(work: (db: Db) => Promise<T>) => inObject(async (storage) => work(await open(storage)));

/** Iterates to the end, acknowledging every batch. */
async function all<Event>(batches: AsyncIterable<Batch<Event>>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const batch of batches) {
    events.push(...batch.events);
    await batch.ack();
  }
  return events;
}

const lag = (db: { $client: Database }) =>
  (db as Db).$client.log.stats().consumers.map((consumer) => consumer.lag);

describe('changes', () => {
  test('gives rows before and after, decoded as a select decodes them', () =>
    inDb(async (db) => {
      const find = async () => (await db.select().from(users).where(eq(users.id, 9)).get())!;
      await all(changes(db, users, { consumer: 'c' }));
      await db.insert(users).values({ id: 9, name: 'Nia', meta: { tags: ['x'] }, seenAt: new Date(1234) });
      const inserted = await find();
      await db.update(users).set({ active: false, seenAt: null }).where(eq(users.id, 9));
      const updated = await find();
      await db.delete(users).where(eq(users.id, 9));
      const events = await all(changes(db, users, { consumer: 'c' }));
      expect(inserted.seenAt).toEqual(new Date(1234));
      expect(events).toMatchObject([
        { table: 'users', op: 'insert', key: { id: 9 }, before: null, after: inserted },
        {
          table: 'users',
          op: 'update',
          key: { id: 9 },
          before: inserted,
          after: updated,
          changed: ['active', 'seenAt'],
        },
        { table: 'users', op: 'delete', key: { id: 9 }, before: updated, after: null },
      ]);
      expect(events[0]!.after).toEqual(inserted);
      expect(events[0]).not.toHaveProperty('changed');
      expect(events[0]!.id).toBe(`${db.$client.log.head().epoch}.${events[0]!.lsn}`);
    }));

  test('keeps exact integers and bytes, the names of columns by casing, and reads a part of the columns', () =>
    inObject(async (storage) => {
      storage.sql.exec(
        'CREATE TABLE things (the_id INTEGER PRIMARY KEY, wide NUMERIC, big BLOB, raw BLOB, LastSeen INTEGER, other TEXT)',
      );
      const database = await DB('t', { storage, extensions: [changeLog({ tables: ['things'] })] });
      const db = drizzle(database, { casing: 'snake_case' });
      const things = sqliteTable('Things', {
        theId: integer().primaryKey(),
        wide: numeric({ mode: 'bigint' }),
        big: blob({ mode: 'bigint' }),
        raw: blob(),
        seen: integer('lastseen', { mode: 'timestamp' }),
      });
      await all(changes(db, things, { consumer: 'c' }));
      const row = {
        theId: 1,
        wide: 2n ** 62n + 1n,
        big: 7n,
        raw: Buffer.from([1, 0, 255]),
        seen: new Date(5000),
      };
      await db.insert(things).values(row);
      const [selected] = await db.select().from(things);
      expect(selected).toEqual(row);
      const [event] = await all(changes(db, things, { consumer: 'c' }));
      expect(event).toMatchObject({ table: 'Things', key: { theId: 1 } });
      expect(event!.after).toEqual(selected);
    }));

  test('gives several tables in the order of the log, transactions as a whole', () =>
    inDb(async (db) => {
      await all(changes(db, [users, posts], { consumer: 'c' }));
      await db.transaction(async (tx) => {
        await tx.insert(posts).values({ id: 20, authorId: 1, title: 'p' });
        await tx.update(users).set({ name: 'Ann' }).where(eq(users.id, 1));
        await tx.run(sql`insert into comments (id, post_id) values (50, 20)`);
        await tx.delete(posts).where(eq(posts.id, 20));
      });
      const seen: unknown[] = [];
      for await (const { events, partial, ack } of changes(db, [users, posts], { consumer: 'c', limit: 2 })) {
        seen.push([events.map(({ table, op, tx }) => [table, op, tx.index, tx.total]), partial]);
        await ack();
      }
      expect(seen).toEqual([
        [
          [
            ['posts', 'insert', 0, 4],
            ['users', 'update', 1, 4],
          ],
          true,
        ],
        [[['posts', 'delete', 3, 4]], false],
      ]);
    }));

  test('gives again what was not acknowledged, and goes on within one iteration', () =>
    inDb(async (db) => {
      await all(changes(db, posts, { consumer: 'c' }));
      for (let id = 10; id < 14; id++) await db.insert(posts).values({ id, authorId: 1, title: 't' });
      const ids = (batch: Batch<{ key: { id?: number } }>) => batch.events.map(({ key }) => key.id);
      const first: unknown[] = [];
      for await (const batch of changes(db, posts, { consumer: 'c', limit: 1 })) {
        first.push(ids(batch));
        if (first.length === 2) await batch.ack();
      }
      expect(first).toEqual([[10], [11], [12], [13]]);
      const second: unknown[] = [];
      for await (const batch of changes(db, posts, { consumer: 'c' })) second.push(ids(batch));
      expect(second).toEqual([[12, 13]]);
      expect(lag(db)).toEqual([2]);
    }));

  test('begins where it is told, and ends behind what was committed when it began', () =>
    inDb(async (db) => {
      await db.update(posts).set({ title: 'a' }).where(eq(posts.id, 1));
      expect(await all(changes(db, posts, { consumer: 'now' }))).toEqual([]);
      let n = 0;
      for await (const { events } of changes(db, posts, { consumer: 'start', from: 'start' })) {
        n += events.length;
        await db.update(posts).set({ title: 'b' }).where(eq(posts.id, 1));
      }
      expect(n).toBe(1);
    }));

  test('begins with the rows that are there, then gives what changed since: no gap, no duplicate', () =>
    inDb(async (db) => {
      const options = { consumer: 's', from: 'snapshot', limit: 2 } as const;
      const present = await db.select().from(users).orderBy(users.id);
      const tables = [users, posts];
      const seen: string[] = [];
      const parts: boolean[] = [];
      for await (const { events, partial, ack } of changes(db, tables, options)) {
        for (const { op, table, key, after } of events) {
          seen.push(`${op} ${table} ${key.id}`);
          if (op === 'snapshot' && table === 'users') expect(after).toEqual(present[key.id! - 1]);
        }
        parts.push(partial);
        if (parts.length === 1) {
          // Rows that were read, are to come, and are new.
          await db.update(users).set({ name: 'x' }).where(eq(users.id, 1));
          await db.update(posts).set({ title: 'x' }).where(eq(posts.id, 3));
          await db.insert(users).values({ id: 4, name: 'Dee' });
        }
        if (parts.length === 3) await ack();
        if (parts.length === 3) break;
      }
      // What was acknowledged is done; the part behind it comes again.
      const rest = await all(changes(db, tables, options));
      seen.push(...rest.map(({ op, table, key }) => `${op} ${table} ${key.id}`));
      expect(seen).toEqual([
        'snapshot users 1',
        'snapshot users 2',
        'snapshot users 3',
        'snapshot posts 1',
        'snapshot posts 2',
        'snapshot posts 3',
        'update users 1',
        'update posts 3',
        'insert users 4',
      ]);
      expect(parts).toEqual([true, true, true]);
      expect(rest[0]!.after).toMatchObject({ title: 'Third' });
      expect(await all(changes(db, tables, options))).toEqual([]);
    }));

  test('says that it is expired, also within a snapshot', () =>
    inDb(async (db) => {
      const { log } = db.$client;
      const options = { consumer: 's', from: 'snapshot', limit: 1, maxLag: 1, onLag: 'expire' } as const;
      const first = async () => {
        for await (const { events, ack } of changes(db, posts, options)) {
          await ack();
          return events.length;
        }
        return 0;
      };
      expect(await first()).toBe(1);
      for (const title of ['a', 'b', 'c']) await db.update(posts).set({ title });
      await log.prune({ before: Infinity });
      await expect(first()).rejects.toMatchObject({ code: 'CONSUMER_EXPIRED' });
      await (await log.consumer('s')).delete();
      expect(await first()).toBe(1);
      await log.renewEpoch();
      await expect(first()).rejects.toMatchObject({ code: 'CONSUMER_EXPIRED' });
    }));

  test('repeats a snapshot that was not acknowledged, and ends it with the changes behind it', () =>
    inDb(async (db) => {
      const options = { consumer: 's', from: 'snapshot' } as const;
      const ops = async (acknowledge: (op: string) => boolean) => {
        const seen: string[] = [];
        for await (const { events, ack } of changes(db, [posts, users], options)) {
          seen.push(`${events.length} ${events[0]!.op}`);
          if (acknowledge(events[0]!.op)) await ack();
        }
        return seen;
      };
      const none = await ops(() => false);
      expect(none.sort()).toEqual(['3 snapshot', '3 snapshot']);
      await db.delete(posts).where(eq(posts.id, 1));
      expect(await ops((op) => op === 'delete')).toEqual([...none, '1 delete']);
      expect(await ops(() => true)).toEqual([]);
      expect(await db.values(sql`select k from _dosql_meta where k like 'snapshot:%'`)).toEqual([]);
    }));

  test('follows commits until it is told to stop', () =>
    inDb(async (db) => {
      const stop = new AbortController();
      const iterator = changes(db, posts, { consumer: 'c', follow: true, signal: stop.signal });
      const ids: unknown[] = [];
      const seen = (async () => {
        while (ids.length < 2) {
          const { value } = await iterator.next();
          ids.push(...value!.events.map(({ key }) => key.id));
          await value!.ack();
        }
      })();
      await db.insert(users).values({ name: 'nobody waits for' });
      await db.insert(posts).values({ id: 30, authorId: 1, title: 't' });
      await db.insert(posts).values({ id: 31, authorId: 1, title: 't' });
      await seen;
      expect(ids).toEqual([30, 31]);
      const last = iterator.next();
      stop.abort();
      expect(await last).toEqual({ done: true, value: undefined });
      expect(db.$client.scope.engine.commitHooks).toEqual([]);
    }));

  test('does not keep entries that it passes over', () =>
    inDb(async (db) => {
      await all(changes(db, posts, { consumer: 'c' }));
      for (let i = 0; i < 25; i++)
        await db
          .update(users)
          .set({ name: `n${i}` })
          .where(eq(users.id, 1));
      expect(lag(db)).toEqual([25]);
      expect(await all(changes(db, posts, { consumer: 'c', limit: 10 }))).toEqual([]);
      expect(lag(db)).toEqual([5]);
    }));

  test('says what is missing: the log, the table in it, a column, the consumer that is too old', () =>
    inObject(async (storage) => {
      const plain = drizzle(storage);
      await expect(all(changes(plain, posts, { consumer: 'c' }))).rejects.toMatchObject({
        code: 'FEATURE_NOT_ENABLED',
      });
      seed(storage);
      const database = await DB('t', { storage, extensions: [changeLog({ tables: ['posts'] })] });
      const db = drizzle(database);
      await expect(all(changes(db, [posts, users], { consumer: 'c' }))).rejects.toMatchObject({
        code: 'TABLE_NOT_TRACKED',
        table: 'users',
      });
      const more = sqliteTable('posts', { id: integer().primaryKey(), nope: text() });
      await all(changes(db, posts, { consumer: 'c' }));
      await db.update(posts).set({ title: 'x' });
      await expect(all(changes(db, more, { consumer: 'c' }))).rejects.toMatchObject({
        code: 'NO_SUCH_COLUMN',
        columns: ['nope'],
      });
      await database.log.renewEpoch();
      await expect(all(changes(db, posts, { consumer: 'c' }))).rejects.toMatchObject({
        code: 'CONSUMER_EXPIRED',
      });
      await expect(
        db.transaction(async () => all(changes(db, posts, { consumer: 'c' }))),
      ).rejects.toMatchObject({ code: 'USE_TRANSACTION_HANDLE' });
      await db.transaction(async (tx) => {
        expect(() => changes(tx, posts, { consumer: 'c' })).toThrow('not a transaction');
      });
    }));

  test('names rows of a table without a key by rowid', () =>
    inObject(async (storage) => {
      storage.sql.exec('CREATE TABLE loose (a TEXT)');
      const database = await DB('t', { storage, extensions: [changeLog({ tables: '*' })] });
      const db = drizzleSync(database);
      const loose = sqliteTable('loose', { a: text() });
      await all(changes(db, loose, { consumer: 'c' }));
      db.insert(loose).values({ a: 'x' }).run();
      expect(await all(changes(db, loose, { consumer: 'c' }))).toMatchObject([
        { op: 'insert', key: { rowid: 1 }, after: { a: 'x' } },
      ]);
    }));
});

describe('the outbox', () => {
  const mail = outbox<{ welcome: { userId: number }; bytes: Uint8Array; ping: null }>();

  test('has a message exactly when its transaction commits', () =>
    inDb(async (db) => {
      await all(mail.messages(db, { consumer: 'm' }));
      await db.transaction(async (tx) => {
        await tx.insert(users).values({ id: 77, name: 'Eve' });
        await mail.emit(tx, 'welcome', { userId: 77 });
      });
      await expect(
        db.transaction(async (tx) => {
          await mail.emit(tx, 'welcome', { userId: 0 });
          tx.rollback();
        }),
      ).rejects.toThrow();
      const lsn = await mail.emit(db, 'bytes', new Uint8Array([1, 2]));
      const messages = await all(mail.messages(db, { consumer: 'm' }));
      expect(messages).toMatchObject([
        { topic: 'welcome', payload: { userId: 77 }, tx: { index: 1, total: 2 } },
        { topic: 'bytes', payload: new Uint8Array([1, 2]), lsn },
      ]);
      expect(await all(mail.messages(db, { consumer: 'm' }))).toEqual([]);
    }));

  test('keeps what was emitted before anybody read it', () =>
    inDb(async (db) => {
      await mail.emit(db, 'welcome', { userId: 5 });
      expect(await all(mail.messages(db, { consumer: 'late' }))).toMatchObject([{ payload: { userId: 5 } }]);
      expect(await all(mail.messages(db, { consumer: 'later', from: 'now' }))).toEqual([]);
    }));

  test('waits for a transaction that it is not part of', () =>
    inDb(async (db) => {
      await all(mail.messages(db, { consumer: 'm' }));
      let begin = () => {};
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const transaction = db.transaction(async (tx) => {
        begin();
        await tx.insert(users).values({ name: 'x' });
        tx.rollback();
      });
      await begun;
      const emitted = mail.emit(db, 'ping', null);
      await expect(transaction).rejects.toThrow();
      await emitted;
      expect(await all(mail.messages(db, { consumer: 'm' }))).toMatchObject([
        { topic: 'ping', payload: null },
      ]);
    }));

  test('chooses topics, and gives its messages without a promise to the synchronous driver', () =>
    inDb(async ({ $client }) => {
      const db = drizzleSync($client, { schema });
      await all(mail.messages(db, { consumer: 'm' }));
      db.transaction((tx) => {
        expect(mail.emit(tx, 'ping', null)).toBe($client.log.head().lsn);
        mail.emit(tx, 'welcome', { userId: 1 });
      });
      const messages = await all(mail.messages(db, { consumer: 'm', topics: ['welcome'] }));
      expect(messages.map(({ topic, payload }) => [topic, payload.userId])).toEqual([['welcome', 1]]);
    }));
});
