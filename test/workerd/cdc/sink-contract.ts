import { env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { createCDC, type Delivery, type Sink } from '../../../src/cdc/index.ts';
import { freshStub } from '../object.ts';
import { opened } from './opened.ts';

/** How the target of a sink can be made to fail, and what it has. */
export interface Target {
  sink: Sink;
  /** What the target holds, in the order in which a reader of it finds it; a repeated delivery counts once. */
  received(): Promise<{ lsn: number; op: string }[]>;
  /** Called before and behind each operation on the target; throws or aborts to make it fail. */
  fault: { step: (at: 'before' | 'after') => void };
}

/** What every sink must do. `open` is called for each life of the object; the same `target` is the same place. */
export function sinkContract(name: string, open: (target: string) => Target): void {
  const settle = async (run: Promise<unknown>) =>
    run.then(
      () => undefined,
      (error: unknown) => error as Error & { code?: string },
    );

  describe(`${name}: the contract of sinks`, () => {
    for (const how of ['fails', 'aborts the object'] as const) {
      it(`delivers every change once and in order when each step ${how} once`, async () => {
        const target = crypto.randomUUID();
        const { id } = freshStub();
        let expected = 0;
        let first = 0;
        let hits = 0;
        // Which operation on the target, and on which side of it, goes wrong.
        for (let life = 0; life < 12; life++) {
          const at = life % 2 ? 'after' : 'before';
          let steps = (life >> 1) % 3;
          let hit = false;
          const ended = await settle(
            // After an abort the old stub goes on failing.
            runInDurableObject(env.OBJECTS.get(id), async (_, ctx) => {
              const db = await opened(ctx.storage);
              first ||= db.log.head().lsn;
              for (let i = 0; i < 5; i++) await db.run("INSERT INTO items (sku) VALUES ('a')");
              await db.run('UPDATE items SET qty = ?', [life]);
              await ctx.storage.sync();
              expected = db.log.head().lsn;
              const { sink, fault } = open(target);
              fault.step = (side) => {
                if (side !== at || steps-- > 0 || hit) return;
                hit = true;
                if (how === 'aborts the object') ctx.abort('crash');
                throw new Error('injected');
              };
              const cdc = createCDC(db, { sinks: [{ ...sink, limit: 13 }] });
              await cdc.flush();
            }),
          );
          hits += Number(hit);
          if (hit && how === 'fails') expect(ended).toMatchObject({ code: 'SINK_FAILED' });
          if (!hit) expect(ended).toBeUndefined();
        }
        await runInDurableObject(env.OBJECTS.get(id), async (_, { storage }) => {
          const db = await opened(storage);
          const reports = await createCDC(db, { sinks: [{ ...open(target).sink, limit: 13 }] }).flush();
          expect(reports[0]).toMatchObject({ done: true });
          expect(expected).toBe(db.log.head().lsn);
        });
        expect(hits).toBeGreaterThan(6);
        const lsns = (await open(target).received()).map(({ lsn }) => lsn);
        expect(lsns).toEqual(Array.from({ length: expected }, (_, i) => i + 1).slice(-lsns.length));
        expect(lsns.length).toBeGreaterThanOrEqual(expected - first);
      });
    }

    it('gives a repeated delivery the same id and the same events, whatever was written in between', async () => {
      const target = crypto.randomUUID();
      const stub = freshStub();
      const deliveries: Delivery[] = [];
      for (let life = 0; life < 3; life++) {
        await settle(
          runInDurableObject(stub, async (_, { storage }) => {
            const db = await opened(storage);
            await db.run("INSERT INTO items (sku) VALUES ('a')");
            const { sink } = open(target);
            const deliver = async (delivery: Delivery) => {
              await sink.deliver(delivery);
              deliveries.push({ ...delivery, events: [...delivery.events] });
              throw new Error('the answer was lost');
            };
            await createCDC(db, { sinks: [{ ...sink, deliver }] }).flush();
          }),
        );
      }
      expect(deliveries.length).toBe(3);
      expect(deliveries[1]).toEqual(deliveries[0]);
      expect(deliveries[2]).toEqual(deliveries[0]);
    });

    it('delivers a snapshot in parts, each once, before the changes', async () => {
      const target = crypto.randomUUID();
      await runInDurableObject(freshStub(), async (_, { storage }) => {
        const db = await opened(storage);
        for (let i = 0; i < 40; i++) await db.run("INSERT INTO items (sku) VALUES ('a')");
        const { sink, fault } = open(target);
        const options = { from: 'snapshot' as const, sinks: [{ ...sink, limit: 9 }] };
        for (const at of ['before', 'after'] as const) {
          fault.step = (side) => {
            if (side === at) throw new Error('injected');
          };
          expect(await settle(createCDC(db, options).flush())).toMatchObject({ code: 'SINK_FAILED' });
          await db.run("INSERT INTO items (sku) VALUES ('b')");
        }
        fault.step = () => {};
        await createCDC(db, options).flush();
        const ops = (await open(target).received()).map(({ op }) => op);
        expect(ops).toEqual([...Array(40).fill('snapshot'), 'insert', 'insert']);
      });
    });
  });
}
