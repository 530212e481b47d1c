import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Workerd } from './workerd.ts';

describe('a Worker at the oldest compatibility date, without any node module', () => {
  let workerd: Workerd;
  beforeAll(async () => {
    workerd = await Workerd.create('test/crash/worker/floor.ts', {}, { date: '2024-04-03', flags: [] });
    await workerd.start();
  });
  afterAll(() => workerd.dispose());

  it('opens, migrates, and runs nested transactions', async () => {
    expect(await workerd.request('/')).toEqual([{ id: 2 }, { id: 3 }]);
  });

  it('fails a transaction that waits for itself at its deadline, says so, and goes on', async () => {
    const before = await workerd.request<{ outcome: string; rows: unknown[] }>('/stall');
    expect(before).toEqual({ outcome: 'TRANSACTION_STALLED', rows: [{ id: 2 }, { id: 3 }] });
  });
});
