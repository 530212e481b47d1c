import type { Engine } from '../src/engine/engine.ts';
import { type Influences, influencesOf } from './reach.ts';

/** Called after a commit with the names it wrote, in lower case; without any when the schema changed. */
export type CommitListener = (tables?: ReadonlySet<string>) => void;

const COMMITS = new WeakMap<Engine, Commits>();

/**
 * Commits of one database, for many listeners. While there is none the engine knows nothing of it, and writes cost what
 * they cost without.
 */
export class Commits {
  readonly #listeners = new Set<CommitListener>();
  #influences: Influences | undefined;

  static of(engine: Engine): Commits {
    let commits = COMMITS.get(engine);
    if (!commits) {
      commits = new Commits(engine);
      COMMITS.set(engine, commits);
    }
    return commits;
  }

  private constructor(private readonly engine: Engine) {}

  /** How tables influence each other. Known while somebody listens, since schema changes are heard only then. */
  get influences(): Influences {
    this.#influences ??= influencesOf(this.engine);
    return this.#influences;
  }

  /** Returns what ends it. */
  listen(listener: CommitListener): () => void {
    const { commitHooks, schemaHooks } = this.engine;
    if (this.#listeners.size === 0) {
      commitHooks.push(this.#committed);
      schemaHooks.push(this.#schemaHook);
    }
    this.#listeners.add(listener);
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      commitHooks.splice(commitHooks.indexOf(this.#committed), 1);
      schemaHooks.splice(schemaHooks.indexOf(this.#schemaHook), 1);
      this.#influences = undefined;
    };
  }

  readonly #committed = (tables?: ReadonlySet<string>): void => {
    for (const listener of this.#listeners) listener(tables);
  };

  readonly #schemaHook = {
    after: (): void => {
      this.#influences = undefined;
      this.#committed();
    },
  };
}
