import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';

async function connect(stub: ReturnType<typeof freshStub>) {
  const { webSocket } = await stub.fetch('http://object/', { headers: { upgrade: 'websocket' } });
  const socket = webSocket!;
  socket.accept();
  return {
    ask(sql: string): Promise<{ born: string; rows: unknown[] }> {
      const answer = new Promise<{ born: string; rows: unknown[] }>((resolve) => {
        socket.addEventListener('message', (event) => resolve(JSON.parse(event.data as string)), {
          once: true,
        });
      });
      socket.send(sql);
      return answer;
    },
    close: () => socket.close(),
  };
}

describe('an evicted object', () => {
  it('answers the next WebSocket message on the same socket, with pragmas and ledger right', async () => {
    const stub = freshStub();
    const socket = await connect(stub);
    const lives = new Set<string>();
    for (let round = 1; round <= 3; round++) {
      const { born, rows } = await socket.ask(`INSERT INTO events (body) VALUES ('${round}') RETURNING id`);
      lives.add(born);
      expect(rows).toEqual([{ id: round }]);
      expect((await socket.ask('PRAGMA recursive_triggers = ON')).rows).toEqual([]);
      await evictDurableObject(stub, { webSockets: 'hibernate' });
      expect((await socket.ask('PRAGMA recursive_triggers')).rows).toEqual([{ recursive_triggers: 0 }]);
      expect((await socket.ask('PRAGMA foreign_keys')).rows).toEqual([{ foreign_keys: 1 }]);
      expect((await socket.ask('SELECT count(*) AS n FROM __drizzle_migrations')).rows).toEqual([{ n: 1 }]);
    }
    expect(lives.size).toBe(3);
    socket.close();
  });

  it('answers the next call wherever the eviction finds the one before it', async () => {
    const stub = freshStub();
    let rows = 0;
    for (let awaits = 0; awaits < 6; awaits++) {
      const call = stub.slowly(`INSERT INTO events (body) VALUES ('x') RETURNING id`, awaits).then(
        () => true,
        () => false,
      );
      await evictDurableObject(stub);
      const written = await call;
      const found = (await stub.slowly('SELECT count(*) AS n FROM events', 0))[0]?.['n'] as number;
      if (written) expect(found).toBe(rows + 1);
      expect([rows, rows + 1]).toContain(found);
      rows = found;
    }
    expect(rows).toBeGreaterThan(0);
  });
});

describe('an object that is emptied with deleteAll()', () => {
  const migrations = [{ id: '0001', sql: 'CREATE TABLE notes (id INTEGER PRIMARY KEY)' }];
  const open = (storage: DurableObjectStorage, ctx: DurableObjectState) =>
    DB('emptied', { storage, ctx, migrations, extensions: [changeLog({ tables: '*' })] });

  it('says so while its database is open, and begins anew after that', async () => {
    const stub = freshStub();
    await inObject(async (storage, ctx) => {
      await (await open(storage, ctx)).run('INSERT INTO notes VALUES (1)');
      await storage.deleteAll();
      await expect(open(storage, ctx)).rejects.toMatchObject({
        code: 'NO_SUCH_TABLE',
        message: expect.stringContaining('ctx.abort()'),
      });
    }, stub);
    await evictDurableObject(stub);
    await inObject(async (storage, ctx) => {
      const db = await open(storage, ctx);
      await db.run('INSERT INTO notes VALUES (2)');
      expect((await db.query('SELECT id FROM notes')).rows).toEqual([{ id: 2 }]);
      expect((await db.log.read({ after: 0 })).events.at(-1)).toMatchObject({ op: 'insert', key: { id: 2 } });
    }, stub);
  });
});
