export { DosqlError, type DosqlErrorCode, isDosqlError } from '../errors/index.ts';
export { Client, type ClientQueryOptions, type ConnectOptions, connect, type Token } from './connect.ts';
export type { ChangeEvent, ChangesOptions, OnChanges, OnRows, Subscription } from './socket.ts';
