import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { freshStub } from '../object.ts';

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
