import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workerd } from './workerd.ts';

const KINDS = { single: 1, batch: 5, transaction: 5 } as const;
type Kind = keyof typeof KINDS;

interface State {
  rows: { kind: Kind; batch: number; parts: number }[];
  check: unknown[];
}

let workerd: Workerd;
beforeAll(async () => {
  workerd = await Workerd.create('test/crash/worker/writes.ts');
  await workerd.start();
});
afterAll(() => workerd.dispose());

it('a runtime killed under load has every acknowledged write, and no part of any other', async () => {
  const acknowledged = new Set<string>();
  let n = 0;
  for (let round = 0; round < 8; round++) {
    let killed = false;
    const writers = (Object.keys(KINDS) as Kind[]).map(async (kind) => {
      while (!killed) {
        const batch = n++;
        const answered = await workerd.request(`/${kind}?n=${batch}`).then(
          () => true,
          () => false,
        );
        if (answered) acknowledged.add(`${kind} ${batch}`);
      }
    });
    // Each round is cut off after another number of acknowledged writes.
    const enough = acknowledged.size + 10 + round * 7;
    while (acknowledged.size < enough) await new Promise((resolve) => setImmediate(resolve));
    await workerd.kill();
    killed = true;
    await Promise.all(writers);
    await workerd.start();
    const { rows, check } = await workerd.request<State>('/state');
    expect(check).toEqual([{ quick_check: 'ok' }]);
    for (const { kind, batch, parts } of rows) expect(parts, `${kind} ${batch}`).toBe(KINDS[kind]);
    const kept = new Set(rows.map(({ kind, batch }) => `${kind} ${batch}`));
    expect([...acknowledged].filter((write) => !kept.has(write))).toEqual([]);
  }
  expect(acknowledged.size).toBeGreaterThan(200);
});
