import { existsSync } from 'node:fs';

/** A bundle, hence an isolate: a Worker under bench/worker and what it needs. */
export interface Family {
  readonly name: string;
  readonly alias?: Record<string, string>;
  /** Source, relative to the project, without which the family is left out. */
  readonly needs?: string;
}

const all: Family[] = [
  { name: 'hand' },
  { name: 'official' },
  { name: 'rc', alias: { 'drizzle-orm': 'drizzle-orm-v1' } },
  { name: 'sync', needs: 'drizzle/sync.ts' },
  { name: 'async', needs: 'drizzle/index.ts' },
  { name: 'engine', needs: 'src/index.ts' },
];

export const families = (root: string): Family[] =>
  all.filter(({ needs }) => needs === undefined || existsSync(`${root}/${needs}`));
