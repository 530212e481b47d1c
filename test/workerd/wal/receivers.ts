import { env, evictDurableObject } from 'cloudflare:test';
import { expect } from 'vitest';
import { type CdcDatabase, type CdcEvent, createCDC, eventFrom, r2Sink } from '../../../src/cdc/index.ts';
import { inObject } from '../object.ts';
import { TABLES } from './history.ts';
import { Random } from './random.ts';
import { apply, type Replica, rowText } from './replica.ts';

/** What a receiver knows durably: the rows, and up to where it applied. */
interface Receiver {
  rows: Replica;
  at: number;
}

const empty = (): Receiver => ({ rows: new Map(TABLES.map((table) => [table, new Map()])), at: -Infinity });

/** Applies what it has not had: batches come again after a crash. */
function receive(receiver: Receiver, events: readonly CdcEvent[], label: string): void {
  for (const event of events) {
    const [, , row] = event.id.split('.');
    const at = row === undefined ? event.lsn : Number(row) - 1e15;
    if (at <= receiver.at) continue;
    apply(receiver.rows, event, label);
    receiver.at = at;
  }
}

/**
 * A replica that a reader feeds with what it drains, and one made of the objects that a sink wrote, both from a snapshot on.
 * The reader, the sink and the object they are in crash anywhere.
 */
export class Receivers {
  readonly #drained = empty();
  readonly #r: Random;
  readonly #prefix = crypto.randomUUID();
  /** Times that something was lost. */
  crashes = 0;

  constructor(
    readonly seed: number,
    readonly id: DurableObjectId,
    readonly open: (storage: DurableObjectStorage) => Promise<CdcDatabase>,
  ) {
    this.#r = new Random(seed + 500_000);
  }

  /** Fixes the moment from which both follow. */
  async begin(db: CdcDatabase): Promise<void> {
    await createCDC(db, this.#options('reader')).drain({ limit: 1 });
    await createCDC(db, {
      ...this.#options('sink'),
      sinks: [r2Sink(env.BUCKET, { prefix: this.#prefix, limit: 3 })],
    }).flush({
      budgetMs: 0,
    });
  }

  #options(consumer: string) {
    return { consumer, from: 'snapshot', tables: TABLES } as const;
  }

  /** Lives of the object, each of which ends by a crash, or when nothing is left. True: nothing is left. */
  async live(lives: number, label = `seed ${this.seed}`): Promise<boolean> {
    const r = this.#r;
    let done = false;
    for (let life = 0; life < lives && !done; life++) {
      const stub = env.OBJECTS.get(this.id);
      const abort = r.once(4);
      let aborted = false;
      const ended = await inObject(async (storage, ctx) => {
        const crash = (odds: number) => {
          if (!r.once(odds)) return;
          this.crashes++;
          aborted = abort;
          if (abort) ctx.abort('crash');
          throw new RangeError('crash');
        };
        const db = await this.open(storage);
        await storage.sync();
        const read = await this.#read(db, crash, label);
        return (await this.#deliver(db, crash)) && read;
      }, stub).catch((error: unknown) => error);
      done = ended === true;
      if (ended instanceof Error && !aborted && !/crash/.test(`${ended} ${ended.cause}`)) throw ended;
      if (!aborted) await evictDurableObject(stub);
    }
    return done;
  }

  async #read(db: CdcDatabase, crash: (odds: number) => void, label: string): Promise<boolean> {
    const r = this.#r;
    const cdc = createCDC(db, this.#options('reader'));
    for (let batches = 1 + r.int(12); batches > 0; batches--) {
      const batch = await cdc.drain({ limit: 1 + r.int(25) });
      crash(12);
      receive(this.#drained, batch, label);
      crash(12);
      await batch.ack();
      crash(12);
      if (batch.done) return true;
    }
    return false;
  }

  async #deliver(db: CdcDatabase, crash: (odds: number) => void): Promise<boolean> {
    const bucket = {
      head: (key: string) => env.BUCKET.head(key),
      async put(key: string, body: string, options: R2PutOptions) {
        crash(8);
        const put = await env.BUCKET.put(key, body, options);
        crash(8);
        return put;
      },
    } as unknown as R2Bucket;
    const sink = r2Sink(bucket, { prefix: this.#prefix, limit: 1 + this.#r.int(25) });
    const [report] = await createCDC(db, { ...this.#options('sink'), sinks: [sink] }).flush();
    return report!.done;
  }

  /** Both are the present state. */
  async finish(lsn: number, label: string): Promise<void> {
    let lives = 0;
    while (!(await this.live(1, label))) expect(lives++, label).toBeLessThan(300);
    const written = empty();
    const { objects } = await env.BUCKET.list({ prefix: this.#prefix });
    for (const { key } of objects) {
      const text = await (await env.BUCKET.get(key))!.text();
      const lines = text.split('\n').filter(Boolean);
      const before = written.at;
      const events = lines.map((line) => eventFrom(JSON.parse(line)));
      receive(written, events, `${label}: ${key}`);
      // Exactly once: nothing in an object was in one before it.
      if (events.length > 0) expect(written.at, `${label}: ${key}`).toBeGreaterThan(before);
    }
    const stub = env.OBJECTS.get(this.id);
    await inObject(async (storage) => {
      const { log } = await this.open(storage);
      for (const table of TABLES) {
        const rows: string[] = [];
        for (let after: unknown[] | undefined | null; after !== null; ) {
          const chunk = await log.snapshot(table, { lsn, ...(after && { after }) });
          rows.push(...chunk.rows.map(rowText));
          after = chunk.next;
        }
        for (const [name, { rows: replica }] of Object.entries({ reader: this.#drained, sink: written }))
          expect([...replica.get(table)!.values()].sort(), `${label}: ${table} of the ${name}`).toEqual(
            rows.sort(),
          );
      }
    }, stub);
  }
}
