import { evictDurableObject } from 'cloudflare:test';
import { expect, it } from 'vitest';
import type { TierPolicy } from '../../../src/fsx/index.ts';
import { freshStub, inObject } from '../object.ts';
import { Random } from '../wal/random.ts';
import { openTiers, type Tiered } from './opened.ts';

/** Set by vitest.workerd.config.ts. */
declare const DOSQL_RUNS: number;
const RUNS = 4 * DOSQL_RUNS;
const STEPS = 40;

interface Row {
  id: number;
  at: number;
  kind: string | null;
  amount: number | null;
}
type Model = Map<number, Row>;

const POLICY: TierPolicy = { table: 'items', by: 'at', unit: 'ms', hot: '1d', segmentRows: 1000 };
const EPOCH = 1e12;
const text = ({ id, at, kind, amount }: Row) => `${id}|${at}|${kind}|${amount}`;

async function check(db: Tiered, model: Model, label: string): Promise<void> {
  const { rows } = await db.query('SELECT id, at, kind, amount FROM items');
  const found = (rows as unknown as Row[]).map(text).sort();
  expect(found, label).toEqual([...model.values()].map(text).sort());
}

/** One random statement, on the database and on the model. */
async function statement(db: Tiered, model: Model, r: Random): Promise<void> {
  const keys = [...model.keys()];
  const known = () => keys[r.int(keys.length)] ?? 1;
  const row = (id: number): Row => ({
    id,
    at: EPOCH + r.int(1000),
    kind: r.once(4) ? null : `k${r.int(5)}`,
    amount: r.once(4) ? null : r.int(10_000) / 7,
  });
  const values = ({ id, at, kind, amount }: Row) => [id, at, kind, amount];
  switch (r.int(8)) {
    case 0: {
      const batch = Array.from({ length: 1 + r.int(20) }, () => row(1 + r.int(400)));
      for (const one of batch) {
        await db.run('INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)', values(one));
        model.set(one.id, one);
      }
      return;
    }
    case 1: {
      const one = row(1 + r.int(400));
      await db.run(
        'INSERT INTO items VALUES (?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET kind = excluded.kind, amount = coalesce(items.amount, 0) + 1',
        values(one),
      );
      const old = model.get(one.id);
      model.set(one.id, old ? { ...old, kind: one.kind, amount: (old.amount ?? 0) + 1 } : one);
      return;
    }
    case 2: {
      const one = row(1 + r.int(400));
      await db.run('INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?)', values(one));
      if (!model.has(one.id)) model.set(one.id, one);
      return;
    }
    case 3: {
      const [low, high] = [1 + r.int(400), 1 + r.int(400)];
      await db.run(
        "UPDATE items SET kind = coalesce(kind, '') || 'u' WHERE id BETWEEN ? AND ? AND amount > 500",
        [low, high],
      );
      for (const one of model.values())
        if (one.id >= low && one.id <= high && one.amount !== null && one.amount > 500)
          model.set(one.id, { ...one, kind: `${one.kind ?? ''}u` });
      return;
    }
    case 4: {
      const kind = `k${r.int(5)}`;
      const low = r.int(400);
      const { rows } = await db.run<{ id: number }>(
        'DELETE FROM items WHERE kind = ? AND id > ? RETURNING id',
        [kind, low],
      );
      const gone = [...model.values()].filter((one) => one.kind === kind && one.id > low).map(({ id }) => id);
      expect(rows.map(({ id }) => id).sort()).toEqual(gone.sort());
      for (const id of gone) model.delete(id);
      return;
    }
    case 5: {
      const id = known();
      await db.run('DELETE FROM items WHERE id = ?', [id]);
      model.delete(id);
      return;
    }
    case 6: {
      const [from, to] = [known(), 500 + r.int(1000)];
      if (model.has(to)) return;
      await db.run('UPDATE items SET id = ? WHERE id = ?', [to, from]);
      const old = model.get(from);
      model.delete(from);
      if (old) model.set(to, { ...old, id: to });
      return;
    }
    default: {
      // All or nothing of two statements.
      const id = known();
      const one = row(2000 + r.int(100));
      const fails = r.once(2);
      const undo = new Error('undo');
      const work = db.transaction(async (tx) => {
        await tx.run('UPDATE items SET amount = -1 WHERE id = ?', [id]);
        await tx.run('INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)', values(one));
        if (fails) throw undo;
      });
      if (fails) {
        await expect(work).rejects.toBe(undo);
        return;
      }
      await work;
      const old = model.get(id);
      if (old) model.set(id, { ...old, amount: -1 });
      model.set(one.id, one);
    }
  }
}

it.each(Array.from({ length: RUNS }, (_, seed) => seed))(
  'random history %i: what is seen is what was written, wherever the rows are',
  async (seed) => {
    const r = new Random(seed * 7919 + 17);
    const model: Model = new Map();
    const stub = freshStub();
    await inObject(async (storage) => {
      const db = await openTiers(storage, { tables: [POLICY] });
      await db.run(
        'CREATE TABLE items (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT, amount REAL)',
      );
    }, stub);
    for (let life = 0; life < 3; life++) {
      await inObject(async (storage) => {
        const db = await openTiers(storage, { tables: [POLICY] });
        for (let step = 0; step < STEPS / 2; step++) {
          if (r.once(4)) await db.maintenance({ compact: r.once(2) });
          else await statement(db, model, r);
          if (r.once(3)) await check(db, model, `seed ${seed}, life ${life}, step ${step}`);
        }
        await check(db, model, `seed ${seed}, life ${life}`);
      }, stub);
      await evictDurableObject(stub);
    }
  },
);
