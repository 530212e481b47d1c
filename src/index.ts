export { type DatabaseOptions, DB, type StorageTiers } from './db.ts';
export type { Database } from './engine/database.ts';
export type { Explanation, QueryPlanNode } from './engine/explain.ts';
export type {
  Apis,
  Duration,
  EngineHost,
  Extension,
  MaintenanceOptions,
  MaintenanceReport,
  Rewrite,
} from './engine/extension.ts';
export type { IntegerMode } from './engine/integers.ts';
export type { QueryEvent, QueryResult, RunResult } from './engine/result.ts';
export type { BatchItem, QueryOptions, Transaction } from './engine/statements.ts';
export type { SyncTransaction } from './engine/sync-transaction.ts';
export type { TransactionOptions } from './engine/transaction.ts';
export type { Params, Row, SqlValueInput, Value } from './engine/values.ts';
export { DosqlError, type DosqlErrorCode, isDosqlError } from './errors/index.ts';
export type { Journal, Migration, MigrationReport, MigrationSource } from './migration/types.ts';
