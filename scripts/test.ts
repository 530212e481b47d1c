/**
 * Runs the test layers one after the other and prints one closing line with the real counts.
 * `--long` adds the crash tests and multiplies the randomised runs; `--lane old|new` limits the runtime tests.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Counts {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  success: boolean;
}

const args = process.argv.slice(2);
const long = args.includes('--long');
const lane = args.includes('--lane') ? args[args.indexOf('--lane') + 1] : undefined;
const folder = mkdtempSync(join(tmpdir(), 'dosql-test-'));
const totals = { passed: 0, failed: 0 };

function layer(name: string, vitestArgs: string[], env: Record<string, string> = {}): void {
  const output = join(folder, `${name}.json`);
  console.log(`\n== ${name}`);
  const run = spawnSync(
    'vitest',
    ['run', ...vitestArgs, '--reporter=default', '--reporter=json', `--outputFile.json=${output}`],
    {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    },
  );
  try {
    const counts = JSON.parse(readFileSync(output, 'utf8')) as Counts;
    totals.passed += counts.numPassedTests;
    totals.failed += counts.numFailedTests;
    // A file that fails to load, or an unhandled error, is a failure without a test.
    if (run.status !== 0 && counts.numFailedTests === 0) totals.failed++;
  } catch {
    totals.failed++;
  }
}

const multiplier = long ? { DOSQL_RUNS: process.env['DOSQL_RUNS'] ?? '10' } : {};
if (long) {
  layer('crash', ['-c', 'vitest.crash.config.ts']);
  layer('property, long', ['test/property'], multiplier);
  for (const which of ['old', 'new'])
    layer(`property in workerd, long, ${which}`, ['-c', 'vitest.workerd.config.ts', 'property'], {
      LANE: which,
      ...multiplier,
    });
} else {
  if (!lane) layer('node', []);
  for (const which of lane ? [lane] : ['old', 'new'])
    layer(`workerd, ${which}`, ['-c', 'vitest.workerd.config.ts'], { LANE: which });
}
rmSync(folder, { recursive: true, force: true });
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
