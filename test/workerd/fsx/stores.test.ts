import { env } from 'cloudflare:test';
import { expect, it } from 'vitest';
import { durableObjectStore, kvStore, memoryStore, r2Store } from '../../../src/fsx/index.ts';
import { DB } from '../../../src/index.ts';
import { inObject } from '../object.ts';
import { storeContract } from './store-contract.ts';

const prefix = () => `${crypto.randomUUID()}/`;
const atomic = { atomicIfAbsent: true };

storeContract('memoryStore', atomic, (work) => work(memoryStore(), prefix()));
storeContract('r2Store', atomic, (work) => work(r2Store(env.BUCKET), prefix()));
storeContract('kvStore', { atomicIfAbsent: false }, (work) => work(kvStore(env.WARM), prefix()));
storeContract('durableObjectStore', atomic, (work) =>
  inObject((storage) => work(durableObjectStore(storage), prefix())),
);

it('durableObjectStore waits for the transactions of the database it lives in', () =>
  inObject(async (storage) => {
    const db = await DB('t', { storage });
    const store = durableObjectStore(storage);
    await store.put('before', new Uint8Array([1]));
    const opened = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const failed = db.transaction(async (tx) => {
      await tx.run('CREATE TABLE t (a)');
      opened.resolve();
      await end.promise;
      tx.rollback();
    });
    await opened.promise;
    const put = store.put('beside', new Uint8Array([2]));
    end.resolve();
    await expect(failed).rejects.toMatchObject({ code: 'TRANSACTION_ROLLED_BACK' });
    await put;
    expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['before', 'beside']);
  }));
