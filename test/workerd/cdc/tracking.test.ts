import { env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import {
  type CdcEvent,
  createCDC,
  eventFrom,
  liveTail,
  r2Sink,
  type Sink,
  tailMessage,
} from '../../../src/cdc/index.ts';
import { freshStub, inObject } from '../object.ts';
import { type Opened, opened } from './opened.ts';

const text = ({ op, table, after, before }: CdcEvent) =>
  op === 'schema' ? '' : `${op} ${table} ${Object.values(after ?? before!)[0]}`;
const texts = (events: readonly CdcEvent[]) => events.map(text).filter(Boolean);

/** An object whose next lives are deployments that track other tables. */
async function deployments() {
  const stub = freshStub();
  const deploy = async <T>(tables: string[] | '*', work: (db: Opened) => Promise<T>): Promise<T> => {
    const result = await inObject(async (storage) => work(await opened(storage, { tables })), stub);
    await evictDurableObject(stub);
    return result;
  };
  await deploy('*', async (db) => {
    await db.run('CREATE TABLE more (id TEXT PRIMARY KEY) WITHOUT ROWID');
    await db.run('INSERT INTO items (id) VALUES (1), (2), (3), (4)');
    await db.run("INSERT INTO more VALUES ('a'), ('b')");
  });
  return deploy;
}

const untrack = (db: Opened) => db.run('INSERT INTO items (id) VALUES (5)');

describe('a snapshot, a table of which is not tracked for a while', () => {
  it.each([1, 5])('loses no row of it, whatever was read before (%i rows at a time)', async (limit) => {
    const deploy = await deployments();
    const options = { from: 'snapshot', tables: ['items', 'more'] } as const;
    const told: string[] = [];
    const drain = async (db: Opened) => {
      const batch = await createCDC(db, options).drain({ limit });
      await batch.ack();
      told.push(...texts(batch));
      return batch.done;
    };
    await deploy('*', drain);
    if (limit === 1) await deploy('*', drain);
    await deploy(['more'], untrack);
    told.length = 0;
    await deploy('*', async (db) => {
      await drain(db);
      await db.run('DELETE FROM items WHERE id = 3');
      await db.run("INSERT INTO more VALUES ('c')");
      while (!(await drain(db)));
    });
    const items = [1, 2, 3, 4, 5].map((id) => `snapshot items ${id}`);
    expect(told).toEqual([
      ...['snapshot more a', 'snapshot more b', ...items],
      ...['delete items 3', 'insert more c'],
    ]);
  });

  it('goes to a live tail with every row of it', async () => {
    const deploy = await deployments();
    const told: string[] = [];
    let attachment: unknown;
    let at = '';
    const socket = {
      readyState: 1,
      send(message: string) {
        const {
          type,
          to,
          events = [],
        } = JSON.parse(message) as { type: string; to: string; events: object[] };
        if (type !== 'ready') at = to;
        told.push(...texts(events.map(eventFrom)));
      },
      serializeAttachment(value: unknown) {
        attachment = structuredClone(value);
      },
      deserializeAttachment: () => structuredClone(attachment),
    } as unknown as WebSocket;
    await deploy('*', (db) => liveTail(db, socket, { snapshot: true, limit: 3, window: 1 }));
    expect(told).toEqual(['snapshot items 1', 'snapshot items 2', 'snapshot items 3']);
    await deploy(['more'], untrack);
    await deploy('*', async (db) => {
      told.length = 0;
      for (let before = ''; before !== at; ) {
        before = at;
        await tailMessage(db, socket, JSON.stringify({ type: 'ack', at }));
      }
    });
    expect(told).toEqual([
      ...['snapshot more a', 'snapshot more b'],
      ...[1, 2, 3, 4, 5].map((id) => `snapshot items ${id}`),
    ]);
  });

  it.each(['was put', 'was not put'])('takes the place of no part in R2 that %s', async (state) => {
    const deploy = await deployments();
    const prefix = crypto.randomUUID();
    const sink = r2Sink(env.BUCKET, { prefix, limit: 3 });
    const flush = (failing?: Sink['deliver']) => async (db: Opened) => {
      const sinks = [{ ...sink, ...(failing && { deliver: failing }) }];
      await createCDC(db, { from: 'snapshot', sinks })
        .flush()
        .catch(() => {});
    };
    await deploy(
      '*',
      flush(async (delivery) => {
        if (state === 'was put') await sink.deliver(delivery);
        throw new Error('down');
      }),
    );
    await deploy(['more'], flush());
    const { objects } = await env.BUCKET.list({ prefix });
    const parts: string[][] = [];
    for (const { key } of objects) {
      const lines = (await (await env.BUCKET.get(key))!.text()).split('\n').filter(Boolean);
      if (/-\d{6}\.ndjson$/.test(key)) parts.push(texts(lines.map((line) => eventFrom(JSON.parse(line)))));
    }
    expect(parts).toEqual([
      state === 'was put' ? [1, 2, 3].map((id) => `snapshot items ${id}`) : [],
      ['snapshot more a', 'snapshot more b'],
    ]);
  });
});
