import { describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../../src/fsx/index.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const random = (size: number) => {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(data.subarray(at, at + 65_536));
  return data;
};

/** Deep equality of the test runner takes seconds for megabytes. */
const same = (a: Uint8Array | undefined, b: Uint8Array) =>
  a?.length === b.length && a.every((byte, i) => byte === b[i]);

export interface Capabilities {
  /** Two puts of one key at once: only one is told that it wrote. */
  atomicIfAbsent: boolean;
}

/** What every object store has to do. `use` gives a store, and a prefix that nobody else uses. */
export function storeContract(
  name: string,
  { atomicIfAbsent }: Capabilities,
  use: (work: (store: ObjectStore, prefix: string) => Promise<void>) => Promise<void>,
): void {
  describe(name, () => {
    const test = (what: string, work: (store: ObjectStore, prefix: string) => Promise<void>) =>
      it(what, () => use(work));

    test('gives back what was put, and tells its size', async (store, prefix) => {
      const data = random(3_000_123);
      const put = await store.put(`${prefix}a`, data);
      expect(put).toMatchObject({ key: `${prefix}a`, size: data.length });
      expect(same(await store.get(`${prefix}a`), data)).toBe(true);
      const head = await store.head(`${prefix}a`);
      expect(head).toMatchObject({ key: `${prefix}a`, size: data.length, etag: put!.etag });
      expect(Math.abs(head!.uploaded - Date.now())).toBeLessThan(60_000);
    });

    test('knows nothing of objects that are not there', async (store, prefix) => {
      expect(await store.head(`${prefix}no`)).toBeUndefined();
      expect(await store.get(`${prefix}no`)).toBeUndefined();
      expect(await store.getRange(`${prefix}no`, 0, 1)).toBeUndefined();
      await store.delete(`${prefix}no`);
    });

    test('keeps an empty object', async (store, prefix) => {
      await store.put(`${prefix}e`, bytes());
      expect(await store.get(`${prefix}e`)).toEqual(bytes());
      expect(await store.head(`${prefix}e`)).toMatchObject({ size: 0 });
    });

    test('gives ranges, as far as there are bytes', async (store, prefix) => {
      const data = random(2_500_000);
      await store.put(`${prefix}r`, data);
      for (const [offset, length] of [
        [0, 1],
        [0, data.length],
        [1_048_575, 2],
        [1_048_576, 10],
        [1_000_000, 1_200_000],
        [data.length - 1, 1],
      ] as const)
        expect(
          same(await store.getRange(`${prefix}r`, offset, length), data.slice(offset, offset + length)),
        ).toBe(true);
      expect(await store.getRange(`${prefix}r`, data.length - 3, 10)).toEqual(data.slice(-3));
      expect(await store.getRange(`${prefix}r`, data.length, 10)).toEqual(bytes());
      expect(await store.getRange(`${prefix}r`, data.length + 5, 10)).toEqual(bytes());
      expect(await store.getRange(`${prefix}r`, 5, 0)).toEqual(bytes());
    });

    test('replaces an object as a whole', async (store, prefix) => {
      const first = await store.put(`${prefix}x`, random(1_500_000));
      const second = await store.put(`${prefix}x`, bytes(1, 2, 3));
      expect(second!.etag).not.toBe(first!.etag);
      expect(await store.get(`${prefix}x`)).toEqual(bytes(1, 2, 3));
    });

    test('leaves an object alone with ifAbsent, and says so', async (store, prefix) => {
      expect(await store.put(`${prefix}i`, bytes(1), { ifAbsent: true })).toMatchObject({ size: 1 });
      expect(await store.put(`${prefix}i`, bytes(2), { ifAbsent: true })).toBeUndefined();
      expect(await store.get(`${prefix}i`)).toEqual(bytes(1));
      await store.delete(`${prefix}i`);
      expect(await store.put(`${prefix}i`, bytes(3), { ifAbsent: true })).toMatchObject({ size: 1 });
    });

    test('lets one of many puts at once win', async (store, prefix) => {
      const puts = await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.put(`${prefix}w`, bytes(i), { ifAbsent: true })),
      );
      const won = puts.flatMap((put, i) => (put ? [i] : []));
      expect(won.length).toBeGreaterThan(0);
      if (atomicIfAbsent) expect(won).toHaveLength(1);
      expect(won).toContain((await store.get(`${prefix}w`))![0]);
    });

    test('forgets what was deleted', async (store, prefix) => {
      await store.put(`${prefix}d`, random(1_200_000));
      await store.delete(`${prefix}d`);
      await store.delete(`${prefix}d`);
      expect(await store.get(`${prefix}d`)).toBeUndefined();
      expect((await store.list(prefix)).objects).toEqual([]);
    });

    test('lists by prefix, in the order of keys, in pages', async (store, prefix) => {
      const names = ['a/1', 'a/10', 'a/2', 'a', 'a%', 'a_', 'b/1', "a/it's", 'A/1'];
      for (const name of names) await store.put(prefix + name, bytes(1, 2));
      const keys = async (more: string, limit?: number) => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.list(prefix + more, {
            ...(limit && { limit }),
            ...(cursor && { cursor }),
          });
          for (const { key, size } of page.objects) {
            expect(size).toBe(2);
            found.push(key.slice(prefix.length));
          }
          if (limit) expect(page.objects.length).toBeLessThanOrEqual(limit);
          cursor = page.cursor;
        } while (cursor);
        return found;
      };
      expect(await keys('')).toEqual([...names].sort());
      expect(await keys('', 2)).toEqual([...names].sort());
      expect(await keys('a/', 1)).toEqual(['a/1', 'a/10', 'a/2', "a/it's"]);
      expect(await keys('a_')).toEqual(['a_']);
      expect(await keys('nothing')).toEqual([]);
    });
  });
}
