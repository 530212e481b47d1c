import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createCDC, eventFrom } from '../../../src/cdc/index.ts';
import { freshStub, inObject } from '../object.ts';
import { type Opened, opened } from './opened.ts';

const insert = (db: Opened, id: number) => db.run('INSERT INTO items VALUES (?, ?, 0)', [id, `s${id}`]);
const insertion = (id: number) => `INSERT INTO items VALUES (${id}, 's${id}', 0)`;
const ids = (events: readonly { key: Record<string, unknown> }[]) => events.map(({ key }) => key['id']);

describe('createCDC', () => {
  it('works as a field of the object, with emit in a transaction and drain in an alarm', () =>
    inObject(async (storage) => {
      class Streaming {
        readonly cdc = createCDC(() => opened(storage), { ops: ['message'] });
        async insert(table: string, data: Record<string, number>) {
          const db = await opened(storage);
          await db.transaction(async (tx) => {
            await tx.run(`INSERT INTO ${table} (id) VALUES (?)`, [data['id']!]);
            this.cdc.emit({ op: 'INSERT', table, data, timestamp: 17 } as { table: string });
          });
        }
      }
      await new Streaming().insert('items', { id: 1 });
      const { cdc } = new Streaming();
      const events = await cdc.drain();
      expect(events.length).toBe(1);
      expect(JSON.parse(JSON.stringify(events))).toMatchObject([
        {
          op: 'message',
          topic: 'items',
          payload: { op: 'INSERT', table: 'items', data: { id: 1 }, timestamp: 17 },
        },
      ]);
      await cdc.ack();
      expect(await new Streaming().cdc.drain()).toEqual([]);
    }));

  it('names what is missing when it is given no database', () => {
    expect(() => createCDC(undefined as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('writes a message with its transaction, or not at all', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { ops: ['message'], from: 'start' });
      await expect(
        db.transaction(async (tx) => {
          await tx.run("INSERT INTO items VALUES (1, 'a', 1)");
          await cdc.emit('created', { id: 1 });
          throw new RangeError('no');
        }),
      ).rejects.toThrow(RangeError);
      expect(() =>
        db.transactionSync(() => {
          cdc.emit('created', { id: 2 });
          throw new RangeError('no');
        }),
      ).toThrow(RangeError);
      await db.transaction(async (tx) => {
        await tx.run("INSERT INTO items VALUES (3, 'a', 1)");
        await cdc.emit('created', { id: 3 });
      });
      await cdc.emit('alone', null);
      const events = await cdc.drain();
      expect(events.map(({ topic, payload, tx }) => [topic, payload, tx.total])).toEqual([
        ['created', { id: 3 }, 2],
        ['alone', null, 1],
      ]);
    }));

  it('keeps a message outside a transaction that is open', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { ops: ['message'], from: 'start' });
      await cdc.drain();
      const failing = db.transaction(async (tx) => {
        await tx.run("INSERT INTO items VALUES (1, 'a', 1)");
        await storage.get('x');
        throw new RangeError('no');
      });
      const other = createCDC(Promise.resolve(db));
      const emitted = other.emit('kept', 1);
      await expect(failing).rejects.toThrow(RangeError);
      await emitted;
      expect((await cdc.drain()).map(({ topic }) => topic)).toEqual(['kept']);
    }));

  it('repeats a batch until it is acknowledged, also when the object was evicted', async () => {
    const stub = freshStub();
    const first = await runInDurableObject(stub, async (_, { storage }) => {
      const db = await opened(storage);
      for (let id = 1; id <= 5; id++) await insert(db, id);
      const cdc = createCDC(db, { tables: ['items'], ops: ['insert'] });
      const batch = await cdc.drain({ limit: 4 });
      expect(await cdc.drain({ limit: 4 })).toEqual(batch);
      return batch.toJSON();
    });
    await evictDurableObject(stub);
    await runInDurableObject(stub, async (_, { storage }) => {
      const cdc = createCDC(await opened(storage), { tables: ['items'], ops: ['insert'] });
      const again = await cdc.drain({ limit: 4 });
      expect(again.toJSON()).toEqual(first);
      await again.ack();
      const rest = await cdc.drain();
      expect([...ids(again), ...ids(rest)]).toEqual([1, 2, 3, 4, 5]);
      expect(rest.done).toBe(true);
      await cdc.ack();
      await cdc.ack();
      expect((await cdc.drain()).length).toBe(0);
    });
  });

  it('filters by table, operation and predicate, and moves on over what is left out', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE other (id INTEGER PRIMARY KEY)');
      const cdc = createCDC(db, {
        ...{ tables: ['items'], ops: ['update', 'delete'], from: 'now' },
        where: ({ key }) => Number(key['id']) > 1,
      });
      await cdc.drain();
      for (let id = 1; id <= 3; id++) {
        await db.run('INSERT INTO other VALUES (?)', [id]);
        await insert(db, id);
        await db.run('UPDATE items SET qty = 1 WHERE id = ?', [id]);
      }
      await db.run('DELETE FROM items WHERE id = 3');
      const batch = await cdc.drain();
      expect(batch.map(({ op, key, changed }) => [op, key['id'], changed])).toEqual([
        ['update', 2, ['qty']],
        ['update', 3, ['qty']],
        ['delete', 3, undefined],
      ]);
      expect(batch.to).toBe(db.log.head().lsn);
    }));

  it('looks behind long stretches that the filters leave nothing of', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      for (let id = 1; id <= 40; id++) await insert(db, id);
      await db.run('DELETE FROM items WHERE id = 7');
      const cdc = createCDC(db, { from: 'snapshot', ops: ['delete'], where: ({ op }) => op !== 'snapshot' });
      expect(await cdc.drain({ limit: 6 })).toEqual([]);
      for (let id = 50; id <= 90; id++) await insert(db, id);
      await db.run('DELETE FROM items WHERE id = 8');
      expect(ids(await cdc.drain({ limit: 6 }))).toEqual([8]);
    }));

  it('keeps batches within bytes, transactions whole where they fit, and says where they do not', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db, { from: 'now' });
      await cdc.drain();
      const start = db.log.head().lsn;
      const wide = 'x'.repeat(10_000);
      for (let group = 0; group < 6; group++) {
        await db.transaction(async (tx) => {
          for (let i = 0; i < (group === 4 ? 40 : 4); i++)
            await tx.run('INSERT INTO items (sku) VALUES (?)', [wide]);
        });
      }
      const seen: number[] = [];
      const sizes: number[] = [];
      let torn = 0;
      for (;;) {
        const batch = await cdc.drain({ maxBytes: 100_000 });
        expect(batch.from).toBe(start + seen.length);
        seen.push(...batch.map(({ lsn }) => lsn));
        sizes.push(JSON.stringify(batch).length);
        const last = batch.at(-1)!;
        expect(batch.partial).toBe(last.tx.index !== last.tx.total - 1);
        if (batch.partial) {
          torn++;
          expect(last.tx.total).toBe(40);
        }
        await batch.ack();
        if (batch.done) break;
      }
      expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => start + 1 + i));
      expect(Math.max(...sizes)).toBeLessThan(110_000);
      expect(torn).toBeGreaterThan(0);
    }));

  it('says that it tore a transaction only of one that it gave something of', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE other (id INTEGER PRIMARY KEY)');
      const cdc = createCDC(db, { from: 'now', tables: ['items'] });
      await cdc.drain();
      await insert(db, 1);
      await db.batch([1, 2, 3, 4].map((id) => `INSERT INTO other VALUES (${id})`).concat(insertion(2)));
      await cdc.drain({ limit: 3 });
      await cdc.ack();
      await db.batch([5, 6, 7, 8].map((id) => `INSERT INTO other VALUES (${id})`).concat(insertion(3)));
      const told: unknown[] = [];
      for (let done = false; !done; ) {
        const batch = await cdc.drain({ limit: 5 });
        told.push([ids(batch), batch.partial]);
        await batch.ack();
        done = batch.done;
      }
      expect(told).toEqual([
        [[2], false],
        [[3], false],
      ]);
    }));

  it('writes what JSON has no form for so that it can be read back', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE v (id INTEGER PRIMARY KEY, x)');
      const cdc = createCDC(db, { tables: ['v'], from: 'now' });
      await cdc.drain();
      const values = [
        9007199254740993n,
        new Uint8Array([0, 255, 10]),
        Infinity,
        -Infinity,
        'a\u0000b',
        null,
        1.5,
      ];
      for (const value of values) await db.run('INSERT INTO v (x) VALUES (?)', [value]);
      await cdc.emit('raw', new Uint8Array([1, 2]));
      await cdc.emit('like', { $bytes: 'AQI=' });
      const batch = await cdc.drain();
      const back = (JSON.parse(JSON.stringify(batch)) as unknown[]).map(eventFrom);
      expect(back).toEqual([...batch]);
      expect(back.slice(0, values.length).map(({ after }) => after!['x'])).toEqual(values);
      expect(back.at(-2)!.payload).toEqual(new Uint8Array([1, 2]));
      expect(back.at(-1)!.payload).toEqual({ $bytes: 'AQI=' });
    }));
});

describe('a snapshot', () => {
  it('then the changes gives every row once while others write, however it is interrupted', async () => {
    const stub = freshStub();
    const replica = new Map<unknown, unknown>();
    const order: string[] = [];
    await runInDurableObject(stub, async (_, { storage }) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE empty (id INTEGER PRIMARY KEY)');
      await db.run(
        'CREATE TABLE tags (item INTEGER, tag TEXT COLLATE NOCASE, PRIMARY KEY (tag, item)) WITHOUT ROWID',
      );
      for (let id = 1; id <= 50; id++) await insert(db, id);
      for (let id = 1; id <= 20; id++) await db.run('INSERT INTO tags VALUES (?, ?)', [id, `t${id % 3}`]);
    });
    let done = false;
    for (let round = 0; !done; round++) {
      expect(round).toBeLessThan(200);
      done = await runInDurableObject(stub, async (_, { storage }) => {
        const db = await opened(storage);
        const cdc = createCDC(db, { from: 'snapshot', consumer: 'copy' });
        const batch = await cdc.drain({ limit: 7 });
        if (round < 12) {
          await db.run('UPDATE items SET qty = qty + 1 WHERE id % 4 = ?', [round % 4]);
          await db.run('DELETE FROM items WHERE id = ?', [50 - round]);
          await insert(db, 100 + round);
          await db.run("UPDATE tags SET tag = 'z' || tag WHERE item = ?", [round]);
        }
        // Every third batch is lost before it is applied.
        if (round % 3 === 2) return false;
        for (const { op, table, key, before, after } of batch) {
          const name = (row: Record<string, unknown>) =>
            table === 'items' ? row['id'] : `${table} ${row['tag']} ${row['item']}`;
          if (op === 'schema') continue;
          if (op === 'snapshot' || op === 'insert') expect(replica.has(name(key))).toBe(false);
          if (before) expect(replica.get(name(before))).toEqual(before);
          if (before) replica.delete(name(before));
          if (after) replica.set(name(after), after);
          order.push(op);
        }
        await batch.ack();
        return batch.done && round > 12;
      });
      if (round % 4 === 1) await evictDurableObject(stub);
    }
    expect(order.lastIndexOf('snapshot')).toBe(order.filter((op) => op === 'snapshot').length - 1);
    expect(order.filter((op) => op === 'snapshot').length).toBe(70);
    await runInDurableObject(stub, async (_, { storage }) => {
      const db = await opened(storage);
      const rows = [
        ...(await db.query('SELECT * FROM items')).rows.map((row) => [row['id'], row]),
        ...(await db.query('SELECT * FROM tags')).rows.map((row) => [
          `tags ${row['tag']} ${row['item']}`,
          row,
        ]),
      ];
      expect(replica).toEqual(new Map(rows as [unknown, unknown][]));
    });
  });

  it('of a table without a key then its changes make a replica by rowid, with equal rows and moved ones', async () => {
    const stub = freshStub();
    const replica = new Map<unknown, unknown>();
    await runInDurableObject(stub, async (_, { storage }) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE loose (x, y)');
      for (let i = 0; i < 20; i++) await db.run('INSERT INTO loose VALUES (1, ?)', [i % 3]);
    });
    for (let round = 0, done = false; !done; round++) {
      done = await runInDurableObject(stub, async (_, { storage }) => {
        const db = await opened(storage);
        const batch = await createCDC(db, { from: 'snapshot', tables: ['loose'] }).drain({ limit: 6 });
        if (round < 8) {
          await db.run('INSERT INTO loose VALUES (1, 1)');
          await db.run('UPDATE loose SET y = y + 1 WHERE rowid % 4 = ?', [round % 4]);
          await db.run('UPDATE loose SET rowid = ? WHERE rowid = ?', [1000 * (round + 1), round + 1]);
          await db.run('DELETE FROM loose WHERE rowid = ?', [20 - round]);
        }
        for (const { op, key, before, after, table } of batch) {
          if (op === 'schema') continue;
          expect([table, Object.keys(key)]).toEqual(['loose', ['rowid']]);
          const { rowid } = key;
          expect(replica.get(rowid), `${op} of ${rowid}`).toEqual(before ?? undefined);
          if (after) replica.set(rowid, after);
          else replica.delete(rowid);
        }
        await batch.ack();
        return batch.done && round > 8;
      });
      if (round % 3 === 1) await evictDurableObject(stub);
    }
    await runInDurableObject(stub, async (_, { storage }) => {
      const { rows } = await (await opened(storage)).query('SELECT rowid, x, y FROM loose');
      expect(replica).toEqual(new Map(rows.map(({ rowid, x, y }) => [rowid, { x, y }])));
    });
  });

  it('does not go back when a part is acknowledged twice', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      for (let id = 1; id <= 9; id++) await insert(db, id);
      const cdc = createCDC(db, { from: 'snapshot' });
      const first = await cdc.drain({ limit: 3 });
      await first.ack();
      const second = await cdc.drain({ limit: 3 });
      await second.ack();
      await first.ack();
      expect([first.part, second.part]).toEqual([1, 2]);
      expect([...ids(first), ...ids(second), ...ids(await cdc.drain({ limit: 3 }))]).toEqual([
        1, 2, 3, 4, 5, 6, 7, 8, 9,
      ]);
    }));

  it('goes on with a table that got another key meanwhile: its rows, their loss, the new rows', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await db.run('CREATE TABLE t (id TEXT PRIMARY KEY, v TEXT)');
      await db.run("INSERT INTO t VALUES ('1', 'a'), ('2', 'b')");
      const cdc = createCDC(db, { from: 'snapshot', tables: ['t'], ops: ['insert', 'delete'] });
      const told: string[] = [];
      const drain = async () => {
        const batch = await cdc.drain({ limit: 1 });
        for (const { op, before, after } of batch) told.push(`${op} ${Object.values(after ?? before!)}`);
        await batch.ack();
        return batch.done;
      };
      await drain();
      await db.batch([
        'CREATE TABLE __new_t (id TEXT, v TEXT, PRIMARY KEY (id, v))',
        'INSERT INTO __new_t SELECT * FROM t',
        'DROP TABLE t',
        'ALTER TABLE __new_t RENAME TO t',
      ]);
      while (!(await drain()));
      expect(told).toEqual([
        'snapshot 1,a',
        'snapshot 2,b',
        'delete 1,a',
        'delete 2,b',
        'insert 1,a',
        'insert 2,b',
      ]);
    }));
});
