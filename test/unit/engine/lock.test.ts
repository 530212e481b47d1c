import { expect, test } from 'vitest';
import { Lock } from '../../../src/engine/lock.ts';

test('a holder that pauses lets newcomers pass, and goes on before those that waited', async () => {
  const lock = new Lock();
  const seen: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const holder = lock.exclusive(async () => {
    await lock.pause(promise);
    seen.push('holder');
    expect(lock.busy).toBe(true);
  });
  await lock.shared(() => seen.push('passes'));
  const other = lock.exclusive(async () => {
    const waits = lock.shared(() => seen.push('waits'));
    // The pause ends while another has the lock.
    resolve();
    await promise;
    await null;
    seen.push('other');
    return { waits };
  });
  await (await other).waits;
  await holder;
  expect(seen).toEqual(['passes', 'other', 'holder', 'waits']);
  expect(lock.busy).toBe(false);
});
