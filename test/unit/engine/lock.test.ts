import { expect, test } from 'vitest';
import { Lock } from '../../../src/engine/lock.ts';

/** A promise, and how to resolve it. */
function gate(): [Promise<void>, () => void] {
  let open!: () => void;
  return [new Promise<void>((resolve) => (open = resolve)), open];
}

test('calls have their turn in the order in which they are made', async () => {
  const lock = new Lock();
  const seen: string[] = [];
  const [slow, finish] = gate();
  const all = [
    lock.exclusive(async () => {
      await slow;
      seen.push('a');
    }),
    lock.shared(() => seen.push('b')),
    lock.exclusive(async () => void seen.push('c')),
  ];
  expect(lock.waiting).toBe(2);
  finish();
  await Promise.all(all);
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(lock.busy).toBe(false);
});

test('a pause lets pass who comes during it, and nobody who waited before', async () => {
  const lock = new Lock();
  const seen: string[] = [];
  const [pause, goOn] = gate();
  const [slow, finish] = gate();
  const paused = lock.exclusive(async () => {
    await lock.pause(pause);
    seen.push('paused');
  });
  const behind = [lock.shared(() => seen.push('b')), lock.exclusive(() => void seen.push('c'))];
  while (lock.busy) await undefined;
  expect(lock.busy).toBe(false);
  const first = lock.exclusive(async () => {
    seen.push('newcomer');
    await slow;
  });
  const second = lock.exclusive(() => void seen.push('another'));
  goOn();
  await pause;
  finish();
  await Promise.all([paused, first, second, ...behind]);
  expect(seen).toEqual(['newcomer', 'paused', 'b', 'c', 'another']);
  expect(lock.busy).toBe(false);
});
