export type { DosqlErrorCode } from './codes.ts';
export { DosqlError, type ErrorDetails, isDosqlError } from './error.ts';
export { fromSqlite, limitExceeded } from './sqlite.ts';
