let started = false;
const waiting: (() => void)[] = [];

/**
 * Runs `work` when the first session is made, or now when there is one. What only reads a schema, as drizzle-kit does,
 * makes none.
 */
export function whenStarted(work: () => void): void {
  if (started) work();
  else waiting.push(work);
}

/** A session is made: what waited for one runs. */
export function start(): void {
  if (started) return;
  started = true;
  for (const work of waiting.splice(0)) work();
}
