/** drizzle-kit's `meta/_journal.json`, as far as it is read. */
export interface Journal {
  entries: readonly { idx: number; when: number; tag: string; breakpoints?: boolean }[];
}

/** A migration written by hand. `id` orders and names it. */
export interface Migration {
  id: string;
  sql: string;
}

/** Where migrations come from. */
export type MigrationSource =
  | { folder: string }
  | { journal: Journal; migrations: Readonly<Record<string, string>> }
  | { migrations: Readonly<Record<string, string>> }
  | readonly Migration[];

/** What a `migrate` did. */
export interface MigrationReport {
  /** Names of the migrations applied now, in order. */
  applied: string[];
  /** Names of all migrations of the source that are in place. */
  upToDate: string[];
  /** Migrations older than the newest applied one that were applied now. */
  outOfOrder: string[];
  /** A ledger written by another tool was taken over. */
  adopted: boolean;
}
