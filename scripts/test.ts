/**
 * Runs the test layers one after the other and prints one closing line with the real counts.
 * `--long` runs what takes too long for every change instead: the crash tests, and ten times as many randomised runs.
 * `--lane old` or `--lane new` limits a run to the tests in that Workers runtime.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** What of Vitest's JSON report counts here. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  testResults: {
    name: string;
    status: string;
    message?: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] | null }[];
  }[];
}

const LANES = ['old', 'new'];
/**
 * Random histories of the change log: six times RUNS in each of PARTS processes and lane, a thousand in all. The runtime
 * of the tests gets slower with every object that is aborted, and fails after some two hundred histories.
 */
const RUNS = '14';
const PARTS = 6;
/** What the command does with much data, as processes of its own. */
const LARGE = ['test/package/cli-large.test.ts', 'test/package/cli-migrate.test.ts'];
/** A layer that takes longer hangs. */
const PATIENCE = 25 * 60_000;

const { values } = parseArgs({ options: { long: { type: 'boolean' }, lane: { type: 'string' } } });
const lanes = values.lane === undefined ? LANES : LANES.filter((lane) => lane === values.lane);
const folder = mkdtempSync(join(tmpdir(), 'dosql-test-'));
const totals = { passed: 0, failed: 0 };
/** What failed, in words: said again at the very end, below the output of everything that ran after it. */
const failures: string[] = [];

let layers = 0;

async function layer(name: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const outputFile = join(folder, `report-${layers++}.json`);
  console.log(`\n== ${name}`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`];
  const child = spawn('vitest', ['run', ...args, ...reporters], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    timeout: PATIENCE,
  });
  const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const { passed, failed } = count(name, outputFile);
  totals.passed += passed;
  totals.failed += failed;
  if (failed > 0 || (status === 0 && passed > 0)) return;
  // An error outside of any test, no test at all, or a run that did not end is one failure.
  totals.failed++;
  failures.push(`${name}: ${passed} tests passed, none failed, but the run ended with ${signal ?? status}`);
}

function count(layer: string, outputFile: string): { passed: number; failed: number } {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(outputFile, 'utf8')) as Report;
  } catch {
    return { passed: 0, failed: 0 };
  }
  let unloaded = 0;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const failed = assertionResults.filter((result) => result.status === 'failed');
    for (const { fullName, failureMessages } of failed)
      failures.push(`${layer}: ${name}: ${fullName}\n${(failureMessages ?? []).join('\n')}`);
    // A file that does not load fails as a whole, without any test of it.
    if (status !== 'failed' || failed.length > 0) continue;
    unloaded++;
    failures.push(`${layer}: ${name}\n${message ?? ''}`);
  }
  return { passed: report.numPassedTests, failed: report.numFailedTests + unloaded };
}

const workerd = ['-c', 'vitest.workerd.config.ts'];
if (lanes.length === 0) {
  console.log(`--lane is one of ${LANES.join(', ')}.`);
  totals.failed++;
} else if (values.long) {
  const runs = { DOSQL_RUNS: process.env['DOSQL_RUNS'] ?? '10' };
  if (values.lane === undefined) {
    await layer('crash', ['-c', 'vitest.crash.config.ts']);
    await layer('property, long', ['test/property'], runs);
    await layer('a million rows out and in, a thousand tenants', LARGE, { DOSQL_RUNS: '50' });
  }
  if (lanes.includes('new'))
    await layer('a million rows into the archive', [...workerd, 'test/workerd/fsx/crash.test.ts'], {
      LANE: 'new',
      DOSQL_RUNS: '50',
    });
  for (const LANE of lanes)
    await layer(`server, long, ${LANE}`, [...workerd, 'server/fuzz', 'server/serializable'], {
      LANE,
      ...runs,
    });
  // Side by side: each of them keeps one core busy.
  const histories = (LANE: string, part: number) =>
    layer(`random histories, ${LANE}, ${part + 1} of ${PARTS}`, [...workerd, 'test/workerd/wal/property'], {
      LANE,
      DOSQL_RUNS: RUNS,
      DOSQL_PART: `${part}`,
    });
  await Promise.all(
    lanes.map(async (LANE) => {
      for (let part = 0; part < PARTS; part++) await histories(LANE, part);
    }),
  );
} else {
  if (values.lane === undefined) await layer('node', []);
  for (const LANE of lanes) await layer(`workerd, ${LANE}`, workerd, { LANE });
}
rmSync(folder, { recursive: true, force: true });
for (const failure of failures) console.log(`\n== failed: ${failure.slice(0, 3_000)}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;
