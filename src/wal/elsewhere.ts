import type { Engine } from '../engine/engine.ts';

/** Says of a table (its folded name) that it has rows outside of the object, which neither the log nor an export knows. */
export const ELSEWHERE = new WeakMap<Engine, (name: string) => boolean>();
