import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createCDC, queueSink } from '../../../src/cdc/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { inObject } from '../object.ts';

const list = async (prefix: string) => {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await env.BUCKET.list({ prefix, ...(cursor && { cursor }) });
    keys.push(...page.objects.map(({ key }) => key));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return keys;
};

describe('queueSink with a real queue', () => {
  it('brings every change to a receiver that goes by writer, id and lsn, whatever comes twice or out of order', () =>
    inObject(async (storage) => {
      const name = crypto.randomUUID();
      const db = await DB(name, { storage, extensions: [changeLog({ tables: '*' })] });
      await db.run('CREATE TABLE items (id INTEGER PRIMARY KEY, qty INTEGER)');
      // The sink loses the answer of every other batch: it sends it again.
      let sent = 0;
      const queue = {
        async sendBatch(messages: MessageSendRequest[]) {
          await env.DELIVERED.sendBatch(messages);
          if (sent++ % 2 === 0) throw new Error('the answer was lost');
        },
      } as unknown as Queue;
      const cdc = createCDC(db, { ops: ['insert', 'update', 'delete'], sinks: [queueSink(queue)] });
      for (let i = 1; i <= 12; i++) {
        await db.run('INSERT INTO items VALUES (?, 0)', [i]);
        await db.run('UPDATE items SET qty = qty + 1 WHERE id % 3 = ?', [i % 3]);
        if (i % 4 === 0) await db.run('DELETE FROM items WHERE id = ?', [i - 1]);
        await cdc.flush().catch((error: unknown) => expect(error).toMatchObject({ code: 'SINK_FAILED' }));
      }
      await cdc.flush().catch(() => {});
      await cdc.flush();
      const { events } = await db.log.read({ limit: 1000 });
      const changes = events.filter(({ op }) => op !== 'schema').map(({ id }) => id);
      const received = async () => (await list(`queue/${name}/events/`)).map((key) => key.split('/').at(-1)!);
      while ((await received()).length < changes.length) await scheduler.wait(20);
      // Repetitions have arrived, too.
      while ((await list(`queue/${name}/arrivals/`)).length < 2 * changes.length) await scheduler.wait(20);
      expect((await received()).sort()).toEqual(changes.sort());
      const rows = new Map<string, unknown>();
      for (const key of await list(`queue/${name}/rows/`)) {
        const row: unknown = await (await env.BUCKET.get(key))!.json();
        if (row) rows.set(key.split('/').at(-1)!, row);
      }
      const { rows: present } = await db.query('SELECT * FROM items');
      expect(rows).toEqual(new Map(present.map((row) => [`{"id":${row['id']}}`, row])));
    }));
});
