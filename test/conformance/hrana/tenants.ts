import { issueToken } from '../../../src/server/token.ts';
import { Workerd } from '../../crash/workerd.ts';

const SECRET = 'a secret of the tests, with more than 32 bytes';

/** A runtime that serves any number of databases, each with a URL and a token. */
export class Tenants {
  #count = 0;

  private constructor(readonly workerd: Workerd) {}

  static async start(): Promise<Tenants> {
    const workerd = await Workerd.create('test/conformance/hrana/worker.ts');
    await workerd.start();
    return new Tenants(workerd);
  }

  /** A new, empty database. */
  async create(name = 'tenant', access: 'read' | 'write' = 'write'): Promise<{ url: string; token: string }> {
    const url = `${this.workerd.url}/databases/${name}-${++this.#count}/`;
    return { url, token: await issueToken(SECRET, { database: 'tenants', access }) };
  }

  /** Rows as the object itself sees them. */
  async inside<T = Record<string, unknown>>(url: string, sql: string): Promise<T[]> {
    const response = await fetch(`${url}inside`, { method: 'POST', headers: { 'x-inside': '1' }, body: sql });
    return (await response.json()) as T[];
  }

  stop(): Promise<void> {
    return this.workerd.dispose();
  }
}
