import type { Engine } from '../engine/engine.ts';

const WAITING = new WeakMap<Engine, Set<() => void>>();

/** Calls `listener` behind every commit, in the turn of the commit; returns how to stop. */
export function onCommits(engine: Engine, listener: () => void): () => void {
  let listeners = WAITING.get(engine);
  if (!listeners) {
    const all = new Set<() => void>();
    engine.commitHooks.push(() => {
      for (const one of all) one();
    });
    WAITING.set(engine, all);
    listeners = all;
  }
  const all = listeners;
  all.add(listener);
  return () => void all.delete(listener);
}

/** Resolves behind the next commit, or when the signal says so. */
export function committed(engine: Engine, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      stop();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const stop = onCommits(engine, end);
    signal?.addEventListener('abort', end);
  });
}
