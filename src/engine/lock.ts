/**
 * A first-in, first-out queue in front of one connection. While an exclusive task runs, everything else waits;
 * shared work runs synchronously when its turn comes, so that no microtask can slip it into somebody's transaction.
 */
export class Lock {
  #busy = false;
  readonly #queue: (() => void)[] = [];

  /** True while an exclusive task runs or others wait. */
  get busy(): boolean {
    return this.#busy;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs `work` synchronously when its turn comes. */
  shared<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      if (this.#busy) this.#queue.push(run);
      else run();
    });
  }

  /** Runs `task` alone; the lock is released when its promise settles. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => {
        this.#busy = true;
        task()
          .then(resolve, reject)
          .finally(() => this.#release());
      };
      if (this.#busy) this.#queue.push(run);
      else run();
    });
  }

  #release(): void {
    this.#busy = false;
    while (!this.#busy && this.#queue.length > 0) (this.#queue.shift() as () => void)();
  }
}
