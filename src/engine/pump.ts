/** Work that is done again as long as somebody has asked for it meanwhile, one run after the other. */
export class Pump {
  #running: Promise<void> | undefined;
  #again = false;

  constructor(private readonly look: () => Promise<void>) {}

  /** Resolves when nobody asks any more; rejects when a look fails, which ends the run. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#loop();
    return this.#running;
  }

  async #loop(): Promise<void> {
    try {
      // Commits of one turn make one look.
      await Promise.resolve();
      while (this.#again) {
        this.#again = false;
        await this.look();
      }
    } finally {
      this.#running = undefined;
    }
  }
}
