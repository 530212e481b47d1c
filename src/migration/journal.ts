import type { Journal, Migration } from './types.ts';

/** drizzle-kit 0.3x: names and times are in the journal, the texts elsewhere. A text not found stays undefined. */
export function fromJournal(
  { entries }: Journal,
  read: (entry: Journal['entries'][number]) => string | undefined,
): Partial<Migration>[] {
  return entries.map(
    (entry) => ({ id: entry.tag, sql: read(entry), when: entry.when }) as Partial<Migration>,
  );
}

/** Orders files and keys: `2_b` before `10_a`, and equal numbers by name. */
export function byId(a: { id: string }, b: { id: string }): number {
  return Number.parseInt(a.id, 10) - Number.parseInt(b.id, 10) || (a.id < b.id ? -1 : 1);
}
