import { describe, expect, it } from 'vitest';
import {
  createCDC,
  liveTail,
  queueSink,
  r2Sink,
  resumeTails,
  rpcSink,
  sharedAlarm,
  tailMessage,
  webhookSink,
} from '../../../src/cdc/index.ts';
import { timeTravel } from '../../../src/history/index.ts';
import { DB } from '../../../src/index.ts';
import { changeLog } from '../../../src/wal/index.ts';
import { freshStub, inObject } from '../object.ts';

const circle: { self?: unknown } = {};
circle.self = circle;

/** What plain JavaScript may hand over where a type says otherwise. */
const STRANGE: readonly unknown[] = [
  undefined,
  null,
  NaN,
  -1,
  1.5,
  1n,
  '',
  'x',
  true,
  Symbol('s'),
  () => 1,
  [],
  [1],
  {},
  { lsn: 'x' },
  circle,
  new Date(NaN),
  new Map(),
];

// biome-ignore lint/suspicious/noExplicitAny: the point is to pass what no type allows
type Call = (strange: any) => unknown;

async function outcome(call: Call, strange: unknown): Promise<string> {
  try {
    const result: unknown = await call(strange);
    // A generator does nothing until it is asked.
    if (result && typeof (result as AsyncGenerator).next === 'function')
      await (result as AsyncGenerator).next();
    return 'fine';
  } catch (error) {
    return (error as Error).name === 'DosqlError' ? 'fine' : `${String(strange)}: ${error}`;
  }
}

async function expectTyped(calls: Record<string, Call>, strange = STRANGE): Promise<void> {
  const raw: string[] = [];
  for (const [name, call] of Object.entries(calls)) {
    for (const value of strange) {
      const found = await outcome(call, value);
      if (found !== 'fine') raw.push(`${name} of ${found}`);
    }
  }
  expect(raw).toEqual([]);
}

const opened = async (storage: DurableObjectStorage) => {
  const db = await DB('t', { storage, extensions: [changeLog({ tables: '*' }), timeTravel()] });
  await db.run('CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER)');
  await db.run('INSERT INTO t (n) VALUES (1)');
  return db;
};

describe('arguments of no fitting type', () => {
  it('are refused by the log with a typed error', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const { log } = db;
      const consumer = await log.consumer('c');
      await expectTyped({
        'emit, topic': (x) => log.emit(x),
        'emit, payload': (x) => log.emit('topic', x),
        read: (x) => log.read(x),
        'read, after': (x) => log.read({ after: x }),
        'read, to': (x) => log.read({ to: x }),
        'read, limit': (x) => log.read({ limit: x }),
        'read, tables': (x) => log.read({ tables: x }),
        'read, integers': (x) => log.read({ integers: x }),
        consumer: (x) => log.consumer(x),
        'consumer, options': (x) => log.consumer('d', x),
        'consumer, from': (x) => log.consumer(`from ${String(x)}`, { from: x }),
        'consumer, tables': (x) => log.consumer('e', { tables: x }),
        'consumer, maxLag': (x) => log.consumer('f', { maxLag: x }),
        'consumer, onLag': (x) => log.consumer('g', { onLag: x }),
        drain: (x) => consumer.drain(x),
        'drain, limit': (x) => consumer.drain({ limit: x }),
        ack: (x) => consumer.ack(x),
        intend: (x) => consumer.intend(x),
        reset: (x) => consumer.reset(x),
        'snapshot, table': (x) => log.snapshot(x, { lsn: 3 }),
        'snapshot, options': (x) => log.snapshot('t', x),
        'snapshot, lsn': (x) => log.snapshot('t', { lsn: x }),
        'snapshot, after': (x) => log.snapshot('t', { lsn: 3, after: x }),
        'snapshot, limit': (x) => log.snapshot('t', { lsn: 3, limit: x }),
        resolve: (x) => log.resolve(x),
        prune: (x) => log.prune(x),
        'prune, before': (x) => log.prune({ before: x }),
      });
      expect(db.log.stats().consumers.filter(({ acked }) => !Number.isSafeInteger(acked))).toEqual([]);
    }));

  it('are refused by the log when it is set up', async () => {
    for (const strange of STRANGE) {
      await inObject(async (storage) => {
        const open = (options: unknown) =>
          DB('t', { storage, extensions: [changeLog(options as Parameters<typeof changeLog>[0])] });
        await expectTyped({ changeLog: open, tables: (tables) => open({ tables }) }, [strange]);
        await expectTyped({ exclude: (exclude) => open({ tables: '*', exclude }) }, [strange]);
        await expectTyped({ retain: (retain) => open({ tables: '*', retain }) }, [strange]);
      }, freshStub());
    }
  });

  it('are refused by time travel', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      await expectTyped({
        asOf: (x) => db.asOf(x),
        'asOf, lsn': (x) => db.asOf({ lsn: x }),
        'asOf, transaction': (x) => db.asOf({ transaction: x }),
        'asOf, options': (x) => db.asOf({ lsn: 3 }, x).query('SELECT * FROM t'),
        'versions, table': (x) => db.versions(x),
        'versions, range': (x) => db.versions('t', x),
        'versions, from': (x) => db.versions('t', { from: x, to: x }),
        'versions, between': (x) => db.versions('t', { between: x }),
        'versions, options': (x) => db.versions('t', 'all', x),
        'versions, where': (x) => db.versions('t', 'all', { where: x }),
        'versions, value': (x) => db.versions('t', 'all', { where: { id: x } }),
        'diff, table': (x) => db.diff(x, { lsn: 2 }, { lsn: 3 }),
        'diff, from': (x) => db.diff('t', x, { lsn: 3 }),
        'diff, options': (x) => db.diff('t', { lsn: 2 }, { lsn: 3 }, x),
        'a bound point': (x) => db.query('SELECT * FROM t FOR SYSTEM_TIME AS OF ?', [x]),
        'a bound number': (x) => db.query('SELECT * FROM t FOR SYSTEM_TIME AS OF LSN ?', [x]),
      });
    }));

  it('are refused by feeds and sinks', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const cdc = createCDC(db);
      await expectTyped({
        createCDC: (x) => createCDC(x).drain(),
        options: (x) => createCDC(db, x).drain(),
        consumer: (x) => createCDC(db, { consumer: x }).drain(),
        tables: (x) => createCDC(db, { consumer: 'a', tables: x }).drain(),
        ops: (x) => createCDC(db, { consumer: 'b', ops: x }).drain(),
        where: (x) => createCDC(db, { consumer: 'c', where: x }).drain(),
        from: (x) => createCDC(db, { consumer: `from ${String(x)}`, from: x }).drain(),
        sinks: (x) => createCDC(db, { sinks: x }).flush(),
        sink: (x) => createCDC(db, { sinks: [x] }).flush(),
        emit: (x) => cdc.emit(x),
        'emit, payload': (x) => cdc.emit('topic', x),
        drain: (x) => cdc.drain(x),
        'drain, limit': (x) => cdc.drain({ limit: x }),
        'drain, maxBytes': (x) => cdc.drain({ maxBytes: x }),
        'flush, budgetMs': (x) => cdc.flush({ budgetMs: x }),
        reset: (x) => cdc.reset(x),
        'reset, from': (x) => cdc.reset({ from: x }),
        forget: (x) => cdc.forget(x),
        r2Sink: (x) => r2Sink(x),
        queueSink: (x) => queueSink(x),
        rpcSink: (x) => rpcSink(x),
        webhookSink: (x) => webhookSink(x),
        'webhookSink, url': (x) => webhookSink({ url: x, allow: ['a'] }),
        'webhookSink, allow': (x) => webhookSink({ url: 'https://a/', allow: x }),
      });
    }));

  it('are refused by tails and alarms', () =>
    inObject(async (storage) => {
      const db = await opened(storage);
      const alarms = sharedAlarm(storage);
      const { 0: socket, 1: other } = new WebSocketPair();
      await expectTyped({
        'liveTail, socket': (x) => liveTail(db, x),
        'liveTail, options': (x) => liveTail(db, socket, x),
        'liveTail, window': (x) => liveTail(db, socket, { window: x }),
        'liveTail, tables': (x) => liveTail(db, socket, { tables: x }),
        'liveTail, since': (x) => liveTail(db, socket, { since: x }),
        resumeTails: (x) => resumeTails(db, x),
        tailMessage: (x) => tailMessage(db, other, x),
        'tailMessage, socket': (x) => tailMessage(db, x, '{"type":"ack"}'),
        sharedAlarm: (x) => sharedAlarm(x),
        schedule: (x) => alarms.schedule('job', x),
        run: (x) => alarms.run(x),
      });
    }));
});

describe('the payload of a message', () => {
  it('is exact or a typed error', () =>
    inObject(async (storage) => {
      const { log } = await opened(storage);
      const { lsn } = log.head();
      for (const payload of [1n, { n: 1n }, circle, () => 1, Symbol('s')])
        expect(() => log.emit('m', payload)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
      expect(log.head().lsn).toBe(lsn);
      for (const payload of [new Uint8Array([1, 0]).buffer, new DataView(new Uint8Array([1, 0]).buffer)])
        log.emit('m', payload);
      const { events } = await log.read({ after: lsn });
      expect(events.map(({ payload }) => payload)).toEqual(Array(2).fill(new Uint8Array([1, 0])));
    }));
});
