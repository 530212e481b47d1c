import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { isDosqlError } from '../../../src/errors/index.ts';
import {
  kvStore,
  type ObjectStore,
  r2Store,
  type TieredOptions,
  type TierStep,
} from '../../../src/fsx/index.ts';
import { freshStub, inObject } from '../object.ts';
import { EVENTS, fill, hotRows, openTiers, POLICY, type Tiered } from './opened.ts';

/** Set by vitest.workerd.config.ts. */
declare const DOSQL_RUNS: number;
const ROWS = 3200;
const SEGMENT = 1000;
/** What is archived through a crash at every step; a long run takes a million rows. */
const MANY = DOSQL_RUNS >= 50 ? 1_000_001 : 20_001;

/** What may fail: a step, or a call of a store before or after it took place. */
type Fault =
  | TierStep
  | 'before put'
  | 'after put'
  | 'before delete'
  | 'after delete'
  | 'before copy'
  | 'after copy';

/** Calls `arrive` around the writes of a real store. */
function watched(
  store: ObjectStore,
  names: { put: string; delete?: string },
  arrive: (at: Fault) => void,
): ObjectStore {
  return {
    head: (key) => store.head(key),
    get: (key) => store.get(key),
    getRange: (key, offset, length) => store.getRange(key, offset, length),
    list: (prefix, options) => store.list(prefix, options),
    async put(key, bytes, options) {
      arrive(`before ${names.put}` as Fault);
      const put = await store.put(key, bytes, options);
      arrive(`after ${names.put}` as Fault);
      return put;
    },
    async delete(key) {
      if (names.delete) arrive(`before ${names.delete}` as Fault);
      await store.delete(key);
      if (names.delete) arrive(`after ${names.delete}` as Fault);
    },
  };
}

/** Tiers with a switch: what `arrive` is at the moment is called at every step. */
class Switch {
  arrive: (at: Fault) => void = () => {};
  readonly options: Partial<TieredOptions>;

  constructor(segmentRows = SEGMENT) {
    this.options = optionsOf((at) => this.arrive(at), segmentRows);
  }
}

function optionsOf(arrive: (at: Fault) => void, segmentRows: number): Partial<TieredOptions> {
  return {
    maxRows: 1_000_000,
    tables: [{ ...POLICY, warm: '2d', segmentRows }],
    cold: watched(r2Store(env.BUCKET), { put: 'put', delete: 'delete' }, arrive),
    warm: watched(kvStore(env.WARM), { put: 'copy' }, arrive),
    onStep: arrive,
  };
}

/** Every row as the user sees it: count, distinct keys, and a sum over everything in it. */
async function state(db: Tiered) {
  const [row] = (
    await db.query(
      `SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS sum, total(amount) AS amounts, sum(length(coalesce(note, ''))) AS notes,
        sum(length(coalesce(data, ''))) AS bytes, sum(at) AS times, count(kind) AS kinds FROM events`,
    )
  ).rows;
  return row!;
}

/** Objects of this database that no segment knows. */
async function orphans(storage: DurableObjectStorage): Promise<string[]> {
  const [{ object }] = [...storage.sql.exec('SELECT object FROM _dosql_tier_meta')] as unknown as [
    { object: string },
  ];
  const known = new Set([...storage.sql.exec('SELECT key FROM _dosql_tier_seg')].map(({ key }) => key));
  const { objects } = await r2Store(env.BUCKET).list(`dosql/${object}/`);
  return objects.map(({ key }) => key).filter((key) => !known.has(key));
}

function segmentsOf(storage: DurableObjectStorage, state: string): number {
  return [...storage.sql.exec('SELECT 1 FROM _dosql_tier_seg WHERE state=?', state)].length;
}

const STEPS: Fault[] = [
  'selected',
  'intended',
  'before put',
  'after put',
  'put',
  'committing',
  'committed',
  'before copy',
  'after copy',
  'copied',
];

describe.each(['abort', 'failure'] as const)('archiving ended by an %s', (how) => {
  it.each(STEPS)('at "%s" shows every row once, and recovers without orphans', async (step) => {
    const stub = freshStub();
    const faults = new Switch();
    const expected = await inObject(async (storage) => {
      const db = await openTiers(storage, faults.options);
      await db.run(EVENTS);
      await fill(db, ROWS);
      // One file is there before.
      await db.maintenance({ archiveOlderThan: '9d' });
      const before = await state(db);
      await storage.sync();
      return before;
    }, env.OBJECTS.get(stub.id));
    const outcome = await inObject(async (storage, ctx) => {
      let done = false;
      let arrived = false;
      const writes: Promise<unknown>[] = [];
      faults.arrive = (at) => {
        // In flight, while the file is written: a change and a deletion of rows in it, and a change of an archived row.
        if (at === 'intended' && !arrived) {
          arrived = true;
          storage.sql.exec("UPDATE events SET note = 'in flight' WHERE id = 2000");
          storage.sql.exec('DELETE FROM events WHERE id = 2001');
          if (how === 'failure') writes.push(late());
        }
        if (at !== step || done) return;
        done = true;
        if (how === 'abort') ctx.abort('crash');
        throw new Error('injected');
      };
      const db = await openTiers(storage, faults.options);
      const late = (): Promise<unknown> =>
        db.run("UPDATE events SET note = 'archived' WHERE id = 10").catch((error: unknown) => {
          if (isDosqlError(error, 'TIER_CONTENTION')) return late();
          throw error;
        });
      const result = await db.maintenance().then(
        () => 'archived',
        (error: Error) => error.message,
      );
      await Promise.all(writes);
      return result;
    }, env.OBJECTS.get(stub.id)).catch(() => 'aborted');
    faults.arrive = () => {};
    if (how === 'abort') expect(outcome).toBe('aborted');
    else expect(outcome).toMatch(/copy/.test(step) ? /archived/ : /injected/);
    await inObject(async (storage) => {
      const db = await openTiers(storage, faults.options);
      const now = await state(db);
      const notes = 'SELECT id, note FROM events WHERE id IN (10, 2000, 2001) ORDER BY id';
      const written = (await db.query<{ id: number; note: string }>(notes)).rows;
      // The turn that wrote in flight is there as a whole or not at all.
      const landed = written.length === 2;
      expect(written.map(({ id }) => id)).toEqual(landed ? [10, 2000] : [10, 2000, 2001]);
      expect(written[1]!.note === 'in flight').toBe(landed);
      if (how === 'failure' && step !== 'selected')
        expect(landed && written[0]!.note === 'archived').toBe(true);
      const gone = Number(landed);
      expect(now).toMatchObject({
        n: Number(expected['n']) - gone,
        ids: Number(expected['ids']) - gone,
        sum: Number(expected['sum']) - gone * 2001,
        bytes: expected['bytes'],
      });
      const files = segmentsOf(storage, 'active');
      const report = await db.maintenance();
      expect(report.extensions['tiers']).toMatchObject({ done: true });
      expect(await state(db)).toEqual(now);
      expect(segmentsOf(storage, 'pending')).toBe(0);
      expect(segmentsOf(storage, 'active')).toBeGreaterThanOrEqual(files);
      expect(await orphans(storage)).toEqual([]);
      // The newest rows are not a day old, and the row with the largest key stays in any case.
      expect(await hotRows(db)).toBeLessThan(Number(now['n']) / 2);
      expect((await db.query(notes)).rows).toEqual(written);
    }, env.OBJECTS.get(stub.id));
  });
});

describe.each(['abort', 'failure'] as const)('compaction ended by an %s', (how) => {
  it.each(['intended', 'before put', 'after put', 'put', 'committing', 'committed'] as Fault[])(
    'at "%s" shows every row once',
    async (step) => {
      const stub = freshStub();
      const faults = new Switch();
      const small = { ...faults.options, tables: [{ ...POLICY, segmentRows: 1000 }] };
      const expected = await inObject(async (storage) => {
        const db = await openTiers(storage, small);
        await db.run(EVENTS);
        await fill(db, 1600);
        await db.maintenance();
        await db.run('DELETE FROM events WHERE id % 3 = 0');
        const before = await state(db);
        await storage.sync();
        return before;
      }, env.OBJECTS.get(stub.id));
      const outcome = await inObject(async (storage, ctx) => {
        let done = false;
        faults.arrive = (at) => {
          if (at !== step || done) return;
          done = true;
          if (how === 'abort') ctx.abort('crash');
          throw new Error('injected');
        };
        const db = await openTiers(storage, small);
        return db.maintenance({ compact: true }).then(
          () => 'compacted',
          (error: Error) => error.message,
        );
      }, stub).catch(() => 'aborted');
      faults.arrive = () => {};
      expect(outcome).toBe(how === 'abort' ? 'aborted' : 'injected');
      await inObject(async (storage) => {
        const db = await openTiers(storage, small);
        expect(await state(db)).toEqual(expected);
        await db.maintenance({ compact: true });
        expect(await state(db)).toEqual(expected);
        expect(segmentsOf(storage, 'pending')).toBe(0);
        expect(segmentsOf(storage, 'dead')).toBeGreaterThan(0);
        expect(await orphans(storage)).toEqual([]);
        expect([...storage.sql.exec('SELECT count(*) AS n FROM _dosql_tier_tomb')][0]).toEqual({ n: 0 });
      }, env.OBJECTS.get(stub.id));
    },
  );
});

it(`${MANY} rows archived through a crash and a failure at every step are each seen once at every stop`, {
  timeout: 1_200_000,
}, async () => {
  const stub = freshStub();
  const faults = new Switch((MANY - 1) / 20);
  const gone = new Set<number>();
  const changed = new Set<number>();
  const inStub = <T>(
    work: (db: Tiered, storage: DurableObjectStorage, ctx: DurableObjectState) => Promise<T>,
  ) =>
    inObject(
      async (storage, ctx) => work(await openTiers(storage, faults.options), storage, ctx),
      env.OBJECTS.get(stub.id),
    );
  await inStub(async (db, storage) => {
    await db.run('CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, note TEXT)');
    await db.run('CREATE INDEX age ON events(at)');
    for (let from = 1; from <= MANY; from += 10_000)
      await db.run(
        `WITH RECURSIVE n(i) AS (VALUES (${from}) UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.min(from + 9999, MANY)})
           INSERT INTO events SELECT i, 1000000000000 + i, 'n' || i FROM n`,
      );
    await storage.sync();
  });
  /** Each row once, by ranges, so that no statement takes all of a million. */
  const check = (candidates: readonly number[]) =>
    inStub(async (db, storage) => {
      for (const id of candidates) {
        const [row] = (await db.query<{ note: string }>('SELECT note FROM events WHERE id = ?', [id])).rows;
        if (!row) gone.add(id);
        else if (row.note === 'late') changed.add(id);
      }
      for (let from = 1; from <= MANY; from += 100_000) {
        const to = Math.min(from + 99_999, MANY);
        const inside = (ids: Set<number>) => [...ids].filter((id) => from <= id && id <= to);
        const lost = inside(gone);
        const n = to - from + 1 - lost.length;
        const sum = ((from + to) * (to - from + 1)) / 2 - lost.reduce((a, b) => a + b, 0);
        const { rows } = await db.query(
          `SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS sum, sum(note = 'n' || id) AS same FROM events WHERE id BETWEEN ${from} AND ${to}`,
        );
        expect(rows).toEqual([{ n, ids: n, sum, same: n - inside(changed).length }]);
      }
      return segmentsOf(storage, 'active');
    });
  let round = 0;
  for (const how of ['abort', 'failure'])
    for (const step of STEPS) {
      // Each round lets one more file's rows go.
      const last = ++round * ((MANY - 1) / 20);
      const candidates = [last - 100, last - 50];
      await inStub(async (db, storage, ctx) => {
        let done = false;
        let written = false;
        faults.arrive = (at) => {
          if (at === 'intended' && !written) {
            written = true;
            storage.sql.exec(`UPDATE events SET note = 'late' WHERE id = ${candidates[0]}`);
            storage.sql.exec(`DELETE FROM events WHERE id = ${candidates[1]}`);
          }
          if (at !== step || done) return;
          done = true;
          if (how === 'abort') ctx.abort('crash');
          throw new Error('injected');
        };
        await db.maintenance({ archiveOlderThan: Date.now() - 1e12 - last });
      }).catch(() => {});
      faults.arrive = () => {};
      await check(candidates);
    }
  await inStub((db) => db.maintenance());
  await check([]);
  await inStub(async (db, storage) => {
    expect(await hotRows(db)).toBeLessThanOrEqual(1 + changed.size);
    expect(segmentsOf(storage, 'pending')).toBe(0);
    expect(await orphans(storage)).toEqual([]);
  });
  expect(gone.size).toBeGreaterThan(5);
});
