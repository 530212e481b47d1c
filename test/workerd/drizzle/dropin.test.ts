import { drizzle as official } from 'drizzle-orm/durable-sqlite';
import { describe, expect, test } from 'vitest';
import { drizzle } from '../../../drizzle/sync.ts';
import { inObject } from '../object.ts';
import { schema, seed } from './schema.ts';
import { usages as most } from './usages.ts';
import { usagesOfParameters } from './usages-parameters.ts';

type Make = typeof official;

const usages = { ...most, ...usagesOfParameters };

/** Runs a usage in a new object: twice, because the second time a query's shape is known. */
function answers(make: Make, name: string): Promise<unknown[]> {
  return inObject(async (storage) => {
    const results: unknown[] = [];
    for (let round = 0; round < 2; round++) {
      await storage.deleteAll();
      seed(storage);
      results.push(await usages[name]?.(make(storage, { schema }) as never));
    }
    return results;
  });
}

describe('the synchronous entry answers as drizzle-orm/durable-sqlite does', () => {
  test.each(Object.keys(usages))('%s', async (name) => {
    const expected = await answers(official, name);
    expect(await answers(drizzle as unknown as Make, name)).toStrictEqual(expected);
  });
});
