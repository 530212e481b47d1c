import { type Contestant, type Job, type WorkloadName, workload } from '../workloads.ts';
import { seed } from './data.ts';

/** Equality must tell a Date from its text and a missing property from an undefined one. */
function tagged(value: unknown): unknown {
  if (value instanceof Date) return { $date: value.getTime() };
  if (value === undefined) return { $undefined: true };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, tagged(v)]));
  return value;
}

function runSync(job: Job, n: number): void {
  for (let i = 0; i < n; i++) job(i);
}

async function runAsync(job: Job, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await job(i);
}

/** The Durable Object of one contestant family: each family has its own isolate, so no one warms another's caches. */
export function benchObject(make: (storage: DurableObjectStorage) => Contestant[] | Promise<Contestant[]>) {
  return class Bench {
    readonly #storage: DurableObjectStorage;
    readonly #contestants: Promise<Contestant[]>;

    constructor(state: DurableObjectState) {
      this.#storage = state.storage;
      seed(this.#storage);
      this.#contestants = Promise.resolve(make(this.#storage));
    }

    async fetch(request: Request): Promise<Response> {
      const query = new URL(request.url).searchParams;
      const action = query.get('action');
      const contestants = await this.#contestants;
      if (action === 'list')
        return Response.json(contestants.map((c) => ({ name: c.name, workloads: Object.keys(c.jobs) })));
      if (action === 'empty-tables') {
        this.#storage.sql.exec('DELETE FROM sink');
        await this.#storage.sync();
        return new Response('ok');
      }
      const name = query.get('workload') as WorkloadName;
      const contestant = contestants.find((c) => c.name === query.get('contestant') && c.jobs[name]);
      const job = contestant?.jobs[name];
      if (action === 'check') return Response.json(await this.#check(job!, name, contestant?.answer));
      const n = Number(query.get('n'));
      if (contestant?.async) await runAsync(job!, n);
      else if (n > 0) runSync(job!, n);
      return new Response('ok');
    }

    async #check(job: Job, name: WorkloadName, answer = (result: unknown) => result): Promise<unknown> {
      seed(this.#storage);
      const results: unknown[] = [];
      for (const i of [0, 1, 5]) results.push(tagged(answer(await job(i))));
      const rows = (table: string) => this.#storage.sql.exec(`SELECT * FROM ${table}`).toArray();
      const { kind } = workload(name);
      return [
        kind === 'write' ? [] : results,
        kind === 'read' ? [] : ['sink', 'products', 'owners'].map(rows),
      ];
    }
  };
}

export const worker = {
  fetch(request: Request, env: { BENCH: DurableObjectNamespace }): Promise<Response> {
    return env.BENCH.get(env.BENCH.idFromName('bench')).fetch(request);
  },
};
