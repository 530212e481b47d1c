import { writeFileSync } from 'node:fs';
import { arch, availableParallelism, platform } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { judge } from './bars.ts';
import { measure } from './measure.ts';
import { render, type Section } from './report.ts';
import { packageVersion, Runtime, type RuntimeName, workerdVersion } from './runtime.ts';

const { values: options } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'both' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
});
const runtimes = (['old', 'new'] as const).filter(
  (name) => options.runtime === name || options.runtime === 'both',
);
if (runtimes.length === 0) throw new Error(`--runtime takes old, new or both, not ${options.runtime}`);

const effort = options.quick
  ? { warmUp: 12, rounds: 12, budget: 5_000 }
  : { warmUp: 20, rounds: 40, budget: 10_000 };

async function section(name: RuntimeName): Promise<Section> {
  const runtime = await Runtime.start(name);
  try {
    const results = await measure(runtime, effort, options.only);
    return { title: `workerd ${workerdVersion(name)} (${name})`, results, verdicts: judge(results) };
  } finally {
    await runtime.stop();
  }
}

// Ends by way of the exit handlers that stop workerd and remove its folder.
process.once('SIGINT', () => process.exit(130));

const sections: Section[] = [];
for (const name of runtimes) {
  const done = await section(name);
  sections.push(done);
  console.log(`${render(done)}\n`);
}

const preamble = `# Bench results

Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}; Node ${process.versions.node}, ${availableParallelism()} shared ${arch()} cores, ${platform()}.
Contestants: hand-written SQL (\`sql.exec(...).raw().toArray()\` and a literal row mapper), the official \`drizzle-orm/durable-sqlite\` of ${packageVersion('drizzle-orm')} and of ${packageVersion('drizzle-orm-v1')} ("rc"), and the two entries of this package ("sync", "async"). "Built" runs the query builder on every execution, "prepared" runs a prepared query.

Method: plain \`workerd serve\`, one isolate and one database per family of contestants in one process. Every contestant must first give the same rows and leave the same tables as the hand-written one. Then ${effort.rounds} rounds, contestants interleaved in rotating order, each round one request of n executions. The figure is the CPU time of workerd's event-loop thread, read from outside, less that of an empty request, divided by n. Trust ratios, not absolute values; the same code measured twice in one run differs by up to 6 %.

- *insert 100 rows* by hand and prepared: one statement per row. Built: multi-row inserts, ten rows each for the official drivers (the platform binds at most 100 parameters), one call for ours; *by hand, multi-row* is the same by hand.
- *insert 1,000 rows in a transaction*: one statement per row; the async entry's transaction is \`storage.transaction\`, all others' is \`storage.transactionSync\`.
- *transaction of 5* and *batch of 5*: two reads, two updates and an insert, against \`storage.transactionSync\` by hand; *async transaction of 5* against \`storage.transaction\` by hand.
- *db.query*: plain row objects, against \`sql.exec(...).raw().toArray()\` and a literal object per row.
`;
if (options.only === undefined && !options.quick)
  writeFileSync(
    join(import.meta.dirname, 'RESULTS.md'),
    `${preamble}\n${sections.map(render).join('\n\n')}\n`,
  );

// A run that judged nothing has shown nothing.
if (options.check && !sections.every(({ verdicts }) => verdicts.length > 0 && verdicts.every((v) => v.pass)))
  process.exitCode = 1;
