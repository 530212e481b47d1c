import type { Verdict } from './bars.ts';
import type { Results } from './measure.ts';
import { type ContestantName, workloadNames } from './workloads.ts';

export interface Section {
  readonly title: string;
  readonly results: Results;
  readonly verdicts: Verdict[];
}

const order: ContestantName[] = [
  'by hand',
  'official, built',
  'official, prepared',
  'rc, built',
  'rc, prepared',
  'sync, built',
  'sync, prepared',
  'async, built',
  'async, prepared',
  'db.query',
  'by hand, multi-row',
];

const number = (value: number | undefined): string =>
  value === undefined ? '–' : value.toFixed(value < 100 ? 1 : 0);
const ratio = (value: number | undefined, base: number | undefined): string =>
  value === undefined || base === undefined ? '–' : (value / base).toFixed(2);

function table(head: string[], rows: string[][]): string {
  const widths = head.map((h, k) => Math.max(h.length, ...rows.map((r) => r[k]!.length)));
  const line = (cells: string[]) =>
    `| ${cells.map((c, k) => (k === 0 ? c.padEnd(widths[k]!) : c.padStart(widths[k]!))).join(' | ')} |`;
  const rule = `|${widths.map((w, k) => (k === 0 ? '-'.repeat(w + 2) : `${'-'.repeat(w + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** The tables of one runtime, which read the same in a terminal and as Markdown. */
export function render({ title, results, verdicts }: Section): string {
  const names = workloadNames.filter((name) => results[name] !== undefined);
  const present = order.filter((c) => names.some((name) => results[name]!.figures[c] !== undefined));
  const figures = (name: (typeof names)[number]) => results[name]!.figures;
  const rows = (
    cell: (name: (typeof names)[number], contestant: ContestantName) => string,
    columns: ContestantName[],
  ) => names.map((name) => [name, ...columns.map((c) => cell(name, c))]);
  const others = present.filter((c) => c !== 'by hand');
  const built = present.filter((c) => c.endsWith('built') && c !== 'official, built');
  return [
    `## ${title}`,
    'Microseconds of CPU per execution (median); spread is the widest interquartile range of a contestant, relative to its median.',
    table(
      ['workload', ...present, 'spread'],
      rows((name, c) => number(figures(name)[c]), present).map((row, k) => [
        ...row,
        `${Math.round(results[names[k]!]!.spread * 100)} %`,
      ]),
    ),
    'Ratio to by hand:',
    table(
      ['workload', ...others],
      rows((name, c) => ratio(figures(name)[c], figures(name)['by hand']), others),
    ),
    ...(built.length === 0
      ? []
      : [
          'Built each time, ratio to the official driver built each time:',
          table(
            ['workload', ...built],
            rows((name, c) => ratio(figures(name)[c], figures(name)['official, built']), built),
          ),
        ]),
    ...(verdicts.length === 0
      ? []
      : [
          `Bars (${verdicts.filter((v) => v.pass).length} of ${verdicts.length} hold):`,
          table(
            ['workload', 'contestant', 'against', 'ratio', 'at most', 'holds'],
            verdicts.map((v) => [
              v.workload,
              v.contestant,
              v.baseline,
              v.ratio.toFixed(2),
              v.bar,
              v.pass ? 'yes' : 'NO',
            ]),
          ),
        ]),
  ].join('\n\n');
}
