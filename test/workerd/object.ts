import { env, runInDurableObject } from 'cloudflare:test';
import type { TestObject } from './worker.ts';

/** A stub of a new, empty object. */
export function freshStub(): DurableObjectStub<TestObject> {
  return env.OBJECTS.get(env.OBJECTS.newUniqueId());
}

/** Runs `work` inside a new, empty object. */
export function inObject<T>(
  work: (storage: DurableObjectStorage, ctx: DurableObjectState) => Promise<T> | T,
  stub = freshStub(),
): Promise<T> {
  return runInDurableObject(stub, (_instance, ctx) => work(ctx.storage, ctx)) as Promise<T>;
}
