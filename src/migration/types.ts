/** drizzle-kit's `meta/_journal.json`, as far as it is read. */
export interface Journal {
  entries: readonly { idx: number; when: number; tag: string; breakpoints?: boolean }[];
}

/** A migration written by hand, or read from a file. The array's order is the order of application. */
export interface Migration {
  /** Its name in the ledger: unique, and never changed once applied. */
  id: string;
  /** One or more statements. `--> statement-breakpoint` may stand between them. */
  sql: string;
  /**
   * When it was generated, in milliseconds since the epoch; drizzle's migrators go by it. Default: the 14 digits
   * (`YYYYMMDDhhmmss`) that `id` starts with, else the time of application.
   */
  when?: number;
}

export interface MigrationOptions {
  /** A new migration older than the newest applied one: apply it (default), or MIGRATION_DRIFT. */
  outOfOrder?: 'allow' | 'error';
}

/** Where migrations come from. */
export type MigrationSource =
  | ({ folder: string } & MigrationOptions)
  | ({ journal: Journal; migrations: Readonly<Record<string, string>> } & MigrationOptions)
  | ({ migrations: Readonly<Record<string, string>> | readonly Migration[] } & MigrationOptions)
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
