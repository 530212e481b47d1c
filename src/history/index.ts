export type { Point } from '../wal/instant.ts';
export type { RowDifference } from './diff.ts';
export type { PastDatabase } from './past.ts';
export {
  type HistoryOptions,
  type TimeTravelApi,
  timeTravel,
  type VersionOptions,
  type VersionRange,
  type VersionSpan,
} from './time-travel.ts';
