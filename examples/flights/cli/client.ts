import type { Statement } from '../src/trace.ts';

export interface Answer<T> {
  result: T;
  statements: Statement[];
  /** Milliseconds from the request to the whole answer, HTTP included. */
  ms: number;
}

/** Calls the Worker for one tenant. */
export class Client {
  readonly base: string;

  constructor(url: URL, tenant: string) {
    this.base = new URL(`/${tenant}/`, url).href;
  }

  get<T>(path: string): Promise<Answer<T>> {
    return this.#call('GET', path);
  }

  post<T>(path: string, body: unknown = null): Promise<Answer<T>> {
    return this.#call('POST', path, JSON.stringify(body));
  }

  async #call<T>(method: string, path: string, body: string | null = null): Promise<Answer<T>> {
    const start = performance.now();
    const response = await fetch(this.base + path, { method, body, headers: { accept: 'application/json' } });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${this.base}${path}: ${response.status} ${text.slice(0, 2000)}`);
    return { ...(JSON.parse(text) as Omit<Answer<T>, 'ms'>), ms: performance.now() - start };
  }
}
