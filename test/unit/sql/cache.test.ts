import { expect, test } from 'vitest';
import { BoundedCache } from '../../../src/sql/cache.ts';

test('never holds more than its capacity', () => {
  const cache = new BoundedCache<number, number>(10);
  for (let i = 0; i < 1000; i++) cache.set(i, i);
  const kept = Array.from({ length: 1000 }, (_, i) => cache.get(i)).filter((value) => value !== undefined);
  expect(kept.length).toBeGreaterThanOrEqual(5);
  expect(kept.length).toBeLessThanOrEqual(10);
});

test('keeps what is used while others come and go', () => {
  const cache = new BoundedCache<string, number>(8);
  cache.set('hot', 1);
  for (let i = 0; i < 1000; i++) {
    cache.set(`cold ${i}`, i);
    expect(cache.get('hot')).toBe(1);
  }
  expect(cache.get('cold 0')).toBeUndefined();
});

test('replaces, deletes and clears', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.set('a', 3);
  expect([cache.get('a'), cache.get('b')]).toEqual([3, 2]);
  cache.delete('a');
  expect(cache.get('a')).toBeUndefined();
  cache.set('c', 4);
  cache.clear();
  expect(cache.get('c')).toBeUndefined();
});

test('holds fewer heavy entries', () => {
  const cache = new BoundedCache<string, number>(20, (key) => key.length);
  for (let i = 0; i < 100; i++) cache.set('x'.repeat(4) + (10 + i), i);
  const held = Array.from({ length: 100 }, (_, i) => cache.get('x'.repeat(4) + (10 + i))).filter(
    (i) => i !== undefined,
  );
  expect(held.length).toBeLessThan(4);
  cache.set('y'.repeat(50), 1);
  expect(cache.get('y'.repeat(50))).toBe(1);
});
