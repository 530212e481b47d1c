export { CDC, type CdcOptions, type CdcSource, type CdcStatus, createCDC } from './cdc.ts';
export type { SinkReport } from './deliver.ts';
export type { Batch, BatchInfo, CdcEvent } from './event.ts';
export type { CdcDatabase, DrainOptions, FeedOptions } from './feed.ts';
export { eventFrom, plainEvent, toNdjson } from './json.ts';
export { type R2SinkOptions, r2Sink } from './r2.ts';
export type { Delivery, Sink } from './sink.ts';
