export type { LogHead, LogStats, SnapshotChunk, SnapshotOptions } from './api.ts';
export { ChangeLog } from './api.ts';
export { type ChangeLogApi, type ChangeLogOptions, changeLog } from './change-log.ts';
export type { Consumer, ConsumerOptions, ConsumerPosition, DrainedBatch } from './consumer.ts';
export type { ChangeEvent, LogBatch } from './event.ts';
export type { Point } from './instant.ts';
export type { LogReport } from './maintenance.ts';
export type { ReadOptions } from './read.ts';
export type { PruneReport } from './segments.ts';
