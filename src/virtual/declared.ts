import { checkOptions } from './arguments.ts';
import type { SourceOptions } from './options.ts';

/** A source that code declares apart from any database. */
export interface Declared {
  readonly name: string;
  readonly options: SourceOptions;
}

/**
 * By what they are called in SQL. Every database of an isolate sees them, also one that has a table of such a name: so
 * in SQL they are called as no table is.
 */
export const DECLARED = new Map<string, Declared>();

/** @returns what it is called in SQL @throws INVALID_ARGUMENT for wrong options */
export function declareSource(name: string, given: SourceOptions): string {
  const options = checkOptions(`source ${name}`, given);
  for (let i = 1; ; i++) {
    const inSql = `virtual:${name}${i > 1 ? `#${i}` : ''}`;
    const known = DECLARED.get(inSql);
    if (known && JSON.stringify(known.options) !== JSON.stringify(options)) continue;
    DECLARED.set(inSql, { name, options });
    return inSql;
  }
}
