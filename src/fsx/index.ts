export { createTieredBackend, type TieredBackend, type TieredOptions } from './backend.ts';
export { durableObjectStore } from './durable-object-store.ts';
export { kvStore } from './kv-store.ts';
export type { TierReport } from './maintain.ts';
export { memoryStore } from './memory-store.ts';
export type { ObjectInfo, ObjectPage, ObjectStore, PutOptions } from './object-store.ts';
export type { TierPolicy } from './policy.ts';
export { r2Store } from './r2-store.ts';
export type { TierStep } from './tiers.ts';
