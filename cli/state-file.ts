import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/**
 * Who was migrated to what, one line each, so that a run that was killed can go on. A line that was cut off does not
 * count: its database is asked again, which changes nothing there.
 */
export class StateFile {
  readonly #done = new Set<string>();
  // Not parameters of the constructor: Node runs the command's source by leaving the types out.
  readonly #path: string | undefined;
  readonly #goal: string;

  /** @param goal names what the databases are to become; other goals' lines do not count */
  constructor(path: string | undefined, goal: string) {
    this.#path = path;
    this.#goal = goal;
    if (path === undefined || !existsSync(path)) return;
    const text = readFileSync(path, 'utf8');
    if (text && !text.endsWith('\n')) appendFileSync(path, '\n');
    for (const line of text.split('\n').slice(0, -1)) {
      try {
        const { url, goal } = JSON.parse(line) as { url: string; goal: string };
        if (goal === this.#goal) this.#done.add(url);
      } catch {
        // A run that was killed left it, and a later one went on behind it.
      }
    }
  }

  has(url: string): boolean {
    return this.#done.has(url);
  }

  add(url: string): void {
    if (this.#path === undefined) return;
    appendFileSync(this.#path, `${JSON.stringify({ url, goal: this.#goal })}\n`);
    this.#done.add(url);
  }
}
