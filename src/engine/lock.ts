/** Microtasks from a call of a query builder, in `Promise.all` say, to its turn, and as many again. */
const TICKS = 8;

/**
 * A first-in, first-out lock in front of one connection. It passes from holder to waiter without being free in
 * between, so no microtask can slip into somebody's transaction; and waiters go on after an `await` of their own, which
 * keeps the caller's AsyncLocalStorage context.
 */
export class Lock {
  #busy = false;
  readonly #queue: (() => void)[] = [];
  /** Stop the timers of {@link alarm}, or start them again. */
  readonly #clocks = new Set<(run: boolean) => void>();

  /** True while the lock is held. */
  get busy(): boolean {
    return this.#busy;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs `task` alone, at once when the lock is free; it is released when the task has settled. */
  async exclusive<T>(task: () => T | Promise<T>): Promise<T> {
    if (this.#busy) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#busy = true;
    try {
      return await task();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#busy = false;
    }
  }

  /** Calls `work` at `time`, or later where {@link tick} had stopped the timers. */
  alarm(time: number, work: () => void): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const clock = (run: boolean) => {
      clearTimeout(timer as Parameters<typeof clearTimeout>[0]);
      if (!run) return;
      timer = setTimeout(() => {
        this.#clocks.delete(clock);
        work();
      }, time - Date.now());
    };
    this.#clocks.add(clock);
    clock(true);
  }

  /** Starts the timers of all alarms, stops them, or forgets them. */
  tick(run?: boolean): void {
    for (const clock of this.#clocks) clock(run ?? false);
    if (run === undefined) this.#clocks.clear();
  }

  /** For the holder: lets pass who comes while `wait` takes, then goes on; who waits behind it goes on waiting. */
  async pause(wait: Promise<void>): Promise<void> {
    // Calls that are made at once, without awaiting this one, wait behind it as ever; a query builder makes its own only
    // some microtasks later.
    for (let i = 0; i < TICKS; i++) await undefined;
    const behind = this.#queue.splice(0);
    this.#busy = false;
    await wait;
    if (this.#busy) await new Promise<void>((resolve) => this.#queue.unshift(resolve));
    this.#busy = true;
    this.#queue.unshift(...behind);
  }

  /** Runs synchronous work, at once when the lock is free, else when its turn comes. */
  async shared<T>(work: () => T): Promise<T> {
    return this.#busy ? this.exclusive(work) : work();
  }
}
