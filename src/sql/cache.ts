/**
 * Map of at most `capacity` entries, or fewer heavy ones, that forgets what has not been used for longest, in two generations: a hit
 * on a recent entry is one Map lookup and moves nothing, which a strict least-recently-used order would.
 */
export class BoundedCache<K, V> {
  readonly #half: number;
  #young = new Map<K, V>();
  #weight = 0;
  #old = new Map<K, V>();

  /** `weigh` tells as how many entries one counts. */
  constructor(
    capacity: number,
    private readonly weigh: (key: K) => number = () => 1,
  ) {
    this.#half = Math.max(1, capacity >> 1);
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    return value !== undefined ? value : this.#promote(key);
  }

  set(key: K, value: V): void {
    if (!this.#young.has(key)) {
      const weight = this.weigh(key);
      if (this.#young.size > 0 && this.#weight + weight > this.#half) {
        this.#old = this.#young;
        this.#young = new Map();
        this.#weight = 0;
      }
      this.#weight += weight;
    }
    this.#young.set(key, value);
  }

  delete(key: K): void {
    if (this.#young.delete(key)) this.#weight -= this.weigh(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#weight = 0;
  }

  #promote(key: K): V | undefined {
    const value = this.#old.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }
}

/** SQL texts of all lengths must not fill the memory: every 10,000 characters count as an entry. */
export function textWeight(sql: string): number {
  return 1 + Math.floor(sql.length / 10_000);
}
