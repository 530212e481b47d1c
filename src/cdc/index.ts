export {
  type AlarmInfo,
  type AlarmJob,
  type AlarmReport,
  SharedAlarm,
  sharedAlarm,
  type When,
} from './alarm.ts';
export { CDC, type CdcOptions, type CdcSource, type CdcStatus, createCDC } from './cdc.ts';
export { type DebeziumOptions, type DebeziumRecord, toDebezium } from './debezium.ts';
export type { SinkReport } from './deliver.ts';
export type { Batch, BatchInfo, CdcEvent } from './event.ts';
export type { CdcDatabase, FeedOptions } from './feed.ts';
export { eventFrom, plainEvent, toNdjson } from './json.ts';
export { type QueueSinkOptions, queueSink } from './queue.ts';
export { type R2SinkOptions, r2Sink } from './r2.ts';
export type { DrainOptions } from './range.ts';
export { rpcSink } from './rpc.ts';
export type { Delivery, Sink } from './sink.ts';
export { liveTail, resumeTails, type TailOptions, tailMessage } from './tail.ts';
export { type WebhookSinkOptions, webhookSink } from './webhook.ts';
