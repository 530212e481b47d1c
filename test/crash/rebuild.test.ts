import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MigrationReport } from '../../src/migration/types.ts';
import type { State } from './worker/rebuild.ts';
import { Workerd } from './workerd.ts';

let workerd: Workerd;

beforeAll(async () => {
  workerd = await Workerd.create('test/crash/worker/rebuild.ts');
  await workerd.start();
});
afterAll(() => workerd.dispose());

/** Rebuilds in a new object until its storage has done `step` things; what it did last, or undefined when it was through before. */
async function rebuildUntil(step: number): Promise<string | undefined> {
  await workerd.request(`/prepare?object=${step}`);
  const reached = new Promise<string>((resolve) => {
    workerd.onLine = (line) => line.startsWith('reached ') && resolve(line.slice('reached '.length));
  });
  const through = workerd.request<MigrationReport>(`/rebuild?object=${step}&step=${step}`).then(
    ({ applied }) => {
      expect(applied).toEqual(['0002_rebuild']);
      return undefined;
    },
    // The connection ends with the runtime.
    () => new Promise<never>(() => {}),
  );
  return Promise.race([reached, through]);
}

it('a runtime killed after any step of a rebuild comes back with the old or the new table, every child row, and foreign keys on', async () => {
  const outcomes: { last: string; rebuilt: boolean }[] = [];
  for (let step = 1; ; step++) {
    const last = await rebuildUntil(step);
    if (last === undefined) break;
    await workerd.kill();
    await workerd.start();
    const state = await workerd.request<State>(`/state?object=${step}`);
    expect(state, `killed after step ${step}: ${last}`).toEqual({
      foreignKeys: 1,
      enforced: true,
      rows: [100, 10_000, 10_000, 10_000],
      rebuilt: state.rebuilt,
      recorded: state.rebuilt,
      leftovers: 0,
    });
    outcomes.push({ last, rebuilt: state.rebuilt });
    // The next attempt finishes it, or finds it done.
    await workerd.request(`/rebuild?object=${step}&step=0`);
    expect(await workerd.request<State>(`/state?object=${step}`)).toMatchObject({
      rebuilt: true,
      foreignKeys: 1,
      rows: state.rows,
    });
  }
  const steps = outcomes.map(({ last }) => last);
  for (const step of [
    'sync',
    'PRAGMA foreign_keys=0',
    'DROP TABLE users',
    'ALTER TABLE __new_users',
    'PRAGMA foreign_keys=1',
  ]) {
    expect(
      steps.some((last) => last.startsWith(step)),
      step,
    ).toBe(true);
  }
  // Once the new table is there, it stays.
  const first = outcomes.findIndex(({ rebuilt }) => rebuilt);
  expect(first).toBeGreaterThan(steps.findIndex((last) => last.startsWith('DROP TABLE')));
  expect(outcomes.slice(first).every(({ rebuilt }) => rebuilt)).toBe(true);
});
