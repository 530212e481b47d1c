import type { Results } from './measure.ts';
import { type ContestantName, workload, workloadNames } from './workloads.ts';

/** A figure held against the most that it may be, both in microseconds. */
export interface Verdict {
  readonly workload: string;
  readonly contestant: ContestantName;
  readonly baseline: ContestantName;
  readonly ratio: number;
  readonly bar: string;
  readonly pass: boolean;
}

export function judge(results: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const name of workloadNames) {
    const figures = results[name]?.figures ?? {};
    const { built, prepared, operations } = workload(name);
    const hold = (contestant: ContestantName, baseline: ContestantName, bar: number, allowance = 0) => {
      const [ours, theirs] = [figures[contestant], figures[baseline]];
      if (ours === undefined || theirs === undefined) return;
      verdicts.push({
        workload: name,
        contestant,
        baseline,
        ratio: ours / theirs,
        bar: allowance === 0 ? `${bar}` : `${bar} + ${allowance} µs`,
        pass: ours <= bar * theirs + allowance,
      });
    };
    hold('sync, prepared', 'by hand', prepared);
    // The async entry may cost 1 µs more per operation; a batch or an async transaction has its own bar instead.
    if (name === 'async transaction of 5') hold('async, built', 'by hand', prepared);
    else hold('async, prepared', 'by hand', prepared, name === 'batch of 5' ? 0 : operations);
    hold('sync, built', 'official, built', built);
    hold('async, built', 'official, built', built);
    hold('db.query', 'by hand', prepared);
  }
  return verdicts;
}
