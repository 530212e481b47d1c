import { DosqlError } from '../errors/index.ts';
import { checkOptions } from './arguments.ts';
import type { SourceOptions } from './options.ts';

/** Sources that code declares apart from any database, by name in lower case. What they may read, each database says. */
export const DECLARED = new Map<string, SourceOptions>();

/** @throws INVALID_ARGUMENT for wrong options, or for a name that stands for another source */
export function declareSource(name: string, options: SourceOptions): void {
  const key = name.toLowerCase();
  const checked = checkOptions(`source ${name}`, options);
  const known = DECLARED.get(key);
  if (known && JSON.stringify(known) !== JSON.stringify(checked))
    throw new DosqlError(
      'INVALID_ARGUMENT',
      `The source ${name} is declared twice, differently: give one of them another name.`,
    );
  DECLARED.set(key, checked);
}
