import { Presets, SingleBar } from 'cli-progress';
import type { Output } from './run.ts';

/** Says how far long work is. */
export interface Progress {
  at(value: number): void;
  stop(): void;
}

/** A bar on a terminal, and nothing where a script reads. */
export function progress(output: Output, total: number, format: string): Progress {
  const stream = output.stderr as unknown as NodeJS.WriteStream;
  if (!stream.isTTY || total === 0) return { at: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      stream,
      format: `{bar} {percentage}% ${format} {eta_formatted}`,
      clearOnComplete: true,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { at: (value) => bar.update(value), stop: () => bar.stop() };
}
