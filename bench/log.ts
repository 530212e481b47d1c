import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Runtime, type RuntimeName, workerdVersion } from './runtime.ts';

/** What the change log costs, and how fast it is read: writes bench/LOG-RESULTS.md. */
const { values: options } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'both' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const { quick, only } = options;
const runtimes = (['old', 'new'] as const).filter(
  (name) => options.runtime === name || options.runtime === 'both',
);
if (runtimes.length === 0) throw new Error(`--runtime takes old, new or both, not ${options.runtime}`);

/** Event-loop CPU time of the first contestant in each round, in microseconds. */
const BUDGET = quick ? 6_000 : 12_000;
const ROUNDS = quick ? 15 : 40;
const WARM_UP = quick ? 8 : 20;
const EVENTS = quick ? 40_000 : 200_000;
const LONG_DRAIN = quick ? 200_000 : 1_000_000;

interface Contestant {
  readonly family: string;
  readonly job: string;
}

interface Comparison {
  readonly title: string;
  readonly group: string;
  readonly base: Contestant;
  readonly other: Contestant;
  readonly bar: number;
}

const capture = (job: string, bar: number): Comparison => ({
  title: `${job} a row, with the log`,
  group: 'capture',
  base: { family: 'log-off', job },
  other: { family: 'log-on', job },
  bar,
});
const past = (job: string, family: string, title: string, bar: number): Comparison => ({
  title,
  group: 'past',
  base: { family, job },
  other: { family, job: `${job} as of` },
  bar,
});

const COMPARISONS: Comparison[] = [
  capture('insert', 1.35),
  capture('update', 1.5),
  capture('delete', 1.6),
  past('aggregate', 'log-on', 'aggregate of 100,000 rows, as of 10,000 changes ago', 5),
  past('aggregate', 'log-keyed', 'the same with keyIndex', 5),
  past('by key', 'log-keyed', 'by key with keyIndex, as of 10,000 changes ago', 3),
];

const median = (values: readonly number[], at = 0.5): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * at)]!;

class Bench {
  readonly runtime: Runtime;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  async request(family: string, group: string, action: string, query: Record<string, string | number> = {}) {
    const text = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, `${value}`]));
    await (await this.runtime.request(family, { group, action, ...text })).text();
  }

  async cost(group: string, { family, job }: Contestant, n: number): Promise<number> {
    const start = this.runtime.cpu();
    await this.request(family, group, 'run', { job, n });
    const cost = this.runtime.cpu() - start;
    await this.request(family, group, 'after', { job, n });
    return cost;
  }

  /** Microseconds of each, and the median of their ratios round by round: neighbours slow both alike. */
  async compare({ group, base, other }: Comparison): Promise<{ base: number; other: number; ratio: number }> {
    let n = 1;
    while (n < 2000 && (await this.cost(group, base, n)) < BUDGET) n = Math.min(n * 2, 2000);
    for (let i = 0; i < WARM_UP; i++)
      for (const contestant of [base, other]) await this.cost(group, contestant, n);
    const samples = { base: [] as number[], other: [] as number[], ratio: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      const found: Record<string, number> = {};
      const order = [
        ['base', base],
        ['other', other],
      ] as const;
      for (const [name, contestant] of round % 2 ? order.toReversed() : order) {
        const empty = await this.cost(group, contestant, 0);
        found[name] = ((await this.cost(group, contestant, n)) - empty) / n;
      }
      samples.base.push(found['base']!);
      samples.other.push(found['other']!);
      samples.ratio.push(found['other']! / found['base']!);
    }
    return { base: median(samples.base), other: median(samples.other), ratio: median(samples.ratio) };
  }

  /** Events per second of event-loop CPU. */
  async rate(job: string): Promise<number> {
    const contestant = { family: 'log-on', job };
    const samples: number[] = [];
    for (let round = 0; round < (quick ? 4 : 8); round++)
      samples.push(await this.cost('drain', contestant, EVENTS));
    return (EVENTS / median(samples)) * 1e6;
  }

  /** MB of resident memory: before a long drain, at most in its first tenth, and at most in the rest. */
  async memory(): Promise<number[]> {
    await this.request('log-on', 'memory', 'fill', { n: LONG_DRAIN, changes: 0 });
    const before = this.runtime.memory();
    const peaks = [0, 0];
    let phase = 0;
    const watch = setInterval(() => {
      peaks[phase] = Math.max(peaks[phase]!, this.runtime.memory());
    }, 10);
    for (let part = 0; part < 10; part++) {
      phase = Math.min(part, 1);
      await this.request('log-on', 'memory', 'run', { job: 'drain', n: LONG_DRAIN / 10 });
    }
    clearInterval(watch);
    return [before, ...peaks];
  }
}

interface Verdict {
  cells: string[];
  pass: boolean;
}

const yes = (pass: boolean) => (pass ? 'yes' : 'NO');

async function measure(name: RuntimeName): Promise<{ text: string; pass: boolean }> {
  const runtime = await Runtime.start(name, [{ name: 'log-off' }, { name: 'log-on' }, { name: 'log-keyed' }]);
  try {
    const bench = new Bench(runtime);
    const wanted = (title: string) => title.includes(only);
    const verdicts: Verdict[] = [];
    for (const family of runtime.families) {
      await bench.request(family, 'capture', 'fill', { n: 10_000, changes: 0 });
      await bench.request(family, 'past', 'fill', { n: 100_000, changes: 10_000 });
    }
    for (const comparison of COMPARISONS.filter(({ title }) => wanted(title))) {
      const { base, other, ratio } = await bench.compare(comparison);
      const { title, bar } = comparison;
      const pass = ratio <= bar;
      verdicts.push({
        cells: [
          title,
          `${base.toFixed(1)} µs`,
          `${other.toFixed(1)} µs`,
          ratio.toFixed(2),
          `≤ ${bar}`,
          yes(pass),
        ],
        pass,
      });
      process.stderr.write(`measured ${title}\n`);
    }
    await bench.request('log-on', 'drain', 'fill', { n: EVENTS / 2, changes: EVENTS / 2 });
    for (const job of ['read the log', 'drain', 'drain to JSON'].filter(wanted)) {
      const rate = await bench.rate(job);
      const pass = job !== 'drain' || rate >= 100_000;
      const shown = `${Math.round(rate / 1000)},000 events/s`;
      verdicts.push({ cells: [job, '', shown, '', job === 'drain' ? '≥ 100,000' : '', yes(pass)], pass });
      process.stderr.write(`measured ${job}\n`);
    }
    if (wanted('memory')) {
      const [before, first, rest] = (await bench.memory()).map(Math.round) as [number, number, number];
      // The collector takes its time: what counts is that it does not grow with the number of events.
      const pass = rest <= first + 64;
      const title = `resident memory draining ${LONG_DRAIN.toLocaleString('en')} events`;
      verdicts.push({
        cells: [title, `${before} MB`, `${first} → ${rest} MB`, '', '≤ + 64 MB', yes(pass)],
        pass,
      });
    }
    const rows = [['workload', 'without', 'with', 'ratio', 'bar', 'holds'], Array(6).fill('---')];
    const table = [...rows, ...verdicts.map(({ cells }) => cells)].map((cells) => `| ${cells.join(' | ')} |`);
    return {
      text: `## workerd ${workerdVersion(name)} (${name})\n\n${table.join('\n')}\n`,
      pass: verdicts.length > 0 && verdicts.every(({ pass }) => pass),
    };
  } finally {
    await runtime.stop();
  }
}

// Ends by way of the exit handlers that stop workerd and remove its folder.
process.once('SIGINT', () => process.exit(130));

const sections: { text: string; pass: boolean }[] = [];
for (const name of runtimes) {
  const section = await measure(name);
  sections.push(section);
  console.log(section.text);
}

const preamble = `# Bench results: the change log

Written by \`node bench/log.ts\` on ${new Date().toISOString().slice(0, 10)}; Node ${process.versions.node}, ${availableParallelism()} shared cores.

Method: plain \`workerd serve\`. Figures are CPU time of workerd's event-loop thread, read from outside, less that of an empty request. Databases without the log, with it and with its index are in isolates of their own; each round measures both sides, in alternating order, and the ratio is the median of the rounds' ratios. Statements go through \`db.runSync\` and \`db.querySync\`, one row each, on a table of eight columns. Reading goes to objects, in batches of 5,000, half of the events updates. Memory is that of the whole process: before, at most in the first tenth of the events, and at most in the rest.
`;
if (!only && !quick)
  writeFileSync(
    join(import.meta.dirname, 'LOG-RESULTS.md'),
    `${preamble}\n${sections.map(({ text }) => text).join('\n')}`,
  );
if (options.check && !sections.every(({ pass }) => pass)) process.exitCode = 1;
