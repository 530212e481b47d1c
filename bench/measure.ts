import { isDeepStrictEqual } from 'node:util';
import type { Runtime } from './runtime.ts';
import { type ContestantName, type WorkloadName, workload, workloadNames } from './workloads.ts';

/** Median microseconds of event-loop CPU per execution. */
export type Figures = Partial<Record<ContestantName, number>>;

interface Result {
  readonly figures: Figures;
  /** The widest interquartile range of a contestant, relative to its median. */
  readonly spread: number;
}

export type Results = Partial<Record<WorkloadName, Result>>;

export interface Effort {
  readonly warmUp: number;
  readonly rounds: number;
  /** CPU time that the hand-written contestant gets in each round, in microseconds. */
  readonly budget: number;
}

interface Entry {
  readonly family: string;
  readonly name: ContestantName;
  readonly samples: number[];
}

const median = (values: number[], at = 0.5): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * at)]!;

export async function measure(runtime: Runtime, effort: Effort, only: string | undefined): Promise<Results> {
  const entries = new Map<WorkloadName, Entry[]>(workloadNames.map((name) => [name, []]));
  for (const family of runtime.families) {
    const contestants = (await (await runtime.request(family, { action: 'list' })).json()) as {
      name: ContestantName;
      workloads: WorkloadName[];
    }[];
    for (const { name, workloads } of contestants)
      for (const w of workloads) entries.get(w)!.push({ family, name, samples: [] });
  }
  const results: Results = {};
  for (const [name, contestants] of entries) {
    if (contestants.length < 2 || (only !== undefined && !name.includes(only))) continue;
    await checkEqual(runtime, name, contestants);
    await race(runtime, name, contestants, effort);
    results[name] = summarise(contestants);
    process.stderr.write(`measured ${name}\n`);
  }
  return results;
}

async function checkEqual(runtime: Runtime, name: WorkloadName, contestants: Entry[]): Promise<void> {
  let expected: unknown;
  for (const { family, name: contestant } of contestants) {
    const actual = await (
      await runtime.request(family, { action: 'check', contestant, workload: name })
    ).json();
    expected ??= actual;
    if (isDeepStrictEqual(actual, expected)) continue;
    const [got, wanted] = [actual, expected].map((value) => JSON.stringify(value).slice(0, 400));
    throw new Error(`${name}: ${contestant} answers ${got}, ${contestants[0]!.name} ${wanted}`);
  }
}

/**
 * One request per contestant and round, in rotating order, so that a busy neighbour slows all of them alike. Many
 * short rounds rather than few long ones: a shared core changes its speed by half from one second to the next.
 */
async function race(
  runtime: Runtime,
  name: WorkloadName,
  contestants: Entry[],
  effort: Effort,
): Promise<void> {
  const run = async ({ family, name: contestant }: Entry, n: number): Promise<number> => {
    const start = runtime.cpu();
    await (await runtime.request(family, { action: 'run', contestant, workload: name, n: String(n) })).text();
    const cost = runtime.cpu() - start;
    if (workload(name).kind !== 'read')
      await (await runtime.request(family, { action: 'empty-tables' })).text();
    return cost;
  };
  const hand = contestants[0]!;
  let n = 1;
  while ((await run(hand, n)) < effort.budget / 2) n *= 2;
  // Until the optimising compiler has seen every contestant.
  for (let i = 0; i < effort.warmUp; i++) for (const contestant of contestants) await run(contestant, n);
  const recent: number[] = [];
  for (let i = 0; i < 5; i++) recent.push(await run(hand, n));
  n = Math.max(1, Math.round((n * effort.budget) / median(recent)));
  for (let round = 0; round < effort.rounds; round++) {
    const empty = await run(hand, 0);
    for (let k = 0; k < contestants.length; k++) {
      const contestant = contestants[(round + k) % contestants.length]!;
      contestant.samples.push(((await run(contestant, n)) - empty) / n);
    }
  }
}

/** Medians, after the speed of the machine in each round (what slowed all contestants alike) is divided out. */
function summarise(contestants: Entry[]): Result {
  const medians = contestants.map(({ samples }) => median(samples));
  const rounds = contestants[0]!.samples.map((_, round) => {
    const slowdowns = contestants.map(({ samples }, c) => Math.log(samples[round]! / medians[c]!));
    return Math.exp(slowdowns.reduce((sum, s) => sum + s, 0) / slowdowns.length);
  });
  const steady = contestants.map(({ samples }) => samples.map((sample, round) => sample / rounds[round]!));
  return {
    figures: Object.fromEntries(contestants.map(({ name }, c) => [name, median(steady[c]!)])),
    spread: Math.max(...steady.map((s) => (median(s, 0.75) - median(s, 0.25)) / median(s))),
  };
}
